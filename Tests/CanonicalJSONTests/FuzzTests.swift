import CanonicalJSON
import EventStoreTesting
import Testing

@Suite("Canonical JSON under random input")
struct FuzzTests {
    @Test("Random values come back from their canonical bytes, and their readable form means the same")
    func roundTrip() throws {
        var random = SeededGenerator()
        for _ in 0..<3_000 {
            let value = Self.value(depth: 1, using: &random)
            let bytes = try value.canonicalBytes()
            #expect(try JSONReader.canonical(bytes) == value)
            #expect(try JSONReader.plain(value.prettyText) == value)
        }
    }

    @Test("After a random change the quick check says what the reader says")
    func changes() throws {
        var random = SeededGenerator()
        var (accepted, refused) = (0, 0)
        for _ in 0..<20_000 {
            var bytes = try JSONValue.object(Self.members(depth: 1, using: &random)).canonicalBytes()
            for _ in 0..<Int.random(in: 0...2, using: &random) { Self.change(&bytes, using: &random) }
            let isCanonicalObject = (try? JSONReader.canonical(bytes))?.members != nil
            let passes = (try? JSONReader.requireCanonicalObject(bytes)) != nil
            try #require(passes == isCanonicalObject, "\(String(decoding: bytes, as: UTF8.self))")
            if passes { accepted += 1 } else { refused += 1 }
        }
        #expect(accepted > 1_000 && refused > 1_000, "the input is neither all good nor all bad")
    }

    @Test("Random bytes never end the process")
    func noise() {
        var random = SeededGenerator()
        for _ in 0..<5_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? UInt8.random(in: 0...255, using: &random)
                    : Array(#"{}[]",:\u0e-."#.utf8).randomElement(using: &random) ?? 0
            }
            _ = try? JSONReader.plain(bytes)
            _ = try? JSONReader.requireCanonicalObject(bytes)
        }
    }

    private static func change(_ bytes: inout [UInt8], using random: inout SeededGenerator) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes.insert(Array(#"{}[]",:\ 0-.eu/"#.utf8).randomElement(using: &random) ?? 0, at: index)
        case 2 where bytes.count > 1: bytes.remove(at: index)
        default: bytes.swapAt(index, Int.random(in: 0..<bytes.count, using: &random))
        }
    }

    private static func value(depth: Int, using random: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 5 ? 5 : 7), using: &random) {
        case 0: .null
        case 1: .bool(Bool.random(using: &random))
        case 2: .integer(Int.random(in: -JSONValue.greatestInteger...JSONValue.greatestInteger, using: &random))
        case 3: .integer(Int.random(in: -99...99, using: &random))
        case 4: .string(text(using: &random))
        case 5: .array((0..<Int.random(in: 0...4, using: &random)).map { _ in value(depth: depth + 1, using: &random) })
        default: .object(members(depth: depth + 1, using: &random))
        }
    }

    private static func members(depth: Int, using random: inout SeededGenerator) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            members[text(using: &random)] = value(depth: depth + 1, using: &random)
        }
        return members
    }

    private static func text(using random: inout SeededGenerator) -> String {
        let letters = Array("abz019 _-\"\\/\u{0}\u{1f}\n\t\u{7f}\u{80}äß€한글\u{fb33}\u{ffff}😀𐀀")
        return String(
            (0..<Int.random(in: 0...6, using: &random)).compactMap { _ in letters.randomElement(using: &random) }
        )
    }
}
