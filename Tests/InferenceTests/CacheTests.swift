import EventStoreTesting
import Testing

@testable import Inference

@Suite("Caches")
struct CacheTests {
    /// What a cache should hold, kept in the plainest way.
    private struct Plain {
        var limit: Int
        var entries: [(key: Int, value: Int)] = []

        mutating func value(of key: Int) -> Int? {
            guard let place = entries.firstIndex(where: { $0.key == key }) else { return nil }
            let entry = entries.remove(at: place)
            entries.append(entry)
            return entry.value
        }

        mutating func keep(_ value: Int, for key: Int) {
            entries.removeAll { $0.key == key }
            if entries.count == limit { entries.removeFirst() }
            entries.append((key, value))
        }
    }

    @Test("The least recently used goes first, whatever is done in whatever order")
    func order() {
        var random = SeededGenerator()
        for limit in [1, 2, 3, 17] {
            let cache = LRUCache<Int, Int>(limit: limit)
            var plain = Plain(limit: limit)
            for _ in 0..<5_000 {
                let key = Int.random(in: 0..<(limit * 2 + 1), using: &random)
                if Bool.random(using: &random) {
                    let value = Int.random(in: 0..<1_000, using: &random)
                    cache.keep(value, for: key)
                    plain.keep(value, for: key)
                } else {
                    #expect(cache.value(of: key) == plain.value(of: key))
                }
            }
            #expect(cache.figures.entries == plain.entries.count && cache.figures.limit == limit)
        }
    }

    @Test("Another limit holds at once: a greater one keeps what is there, a smaller one begins anew")
    func limits() {
        let cache = LRUCache<Int, Int>(limit: 4)
        for key in 0..<4 { cache.keep(key, for: key) }
        cache.resize(to: 8)
        #expect((0..<4).allSatisfy { cache.value(of: $0) == $0 })
        for key in 4..<10 { cache.keep(key, for: key) }
        #expect(cache.figures.entries == 8 && cache.value(of: 1) == nil && cache.value(of: 9) == 9)
        cache.resize(to: 2)
        #expect(cache.figures.entries == 0 && cache.value(of: 9) == nil)
        cache.keep(1, for: 1)
        #expect(cache.value(of: 1) == 1)
        let none = LRUCache<Int, Int>(limit: 0)
        none.keep(1, for: 1)
        #expect(none.value(of: 1) == nil && none.figures.misses == 1)
    }

    @Test("Many threads at once leave a sound cache")
    func threads() async {
        let cache = LRUCache<Int, Int>(limit: 64)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for step in 0..<5_000 {
                        let key = (step &* 31 &+ worker &* 17) % 200
                        if let value = cache.value(of: key) { #expect(value == key * 3) }
                        cache.keep(key * 3, for: key)
                    }
                }
            }
        }
        let figures = cache.figures
        #expect(figures.entries == 64 && figures.hits + figures.misses == 40_000)
    }
}
