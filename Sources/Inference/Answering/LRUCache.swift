internal import Synchronization

/// A cache of at most so many entries, of which the least recently used goes first.
///
/// Safe from any number of threads. A look-up costs one lock and one hash.
package final class LRUCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    fileprivate struct Node {
        var key: Key
        var value: Value
        var newer: Int
        var older: Int
    }

    fileprivate struct Content {
        var limit: Int
        var places: [Key: Int] = [:]
        var nodes: [Node] = []
        /// -1 where there is none.
        var newest = -1
        var oldest = -1
        var hits = 0
        var misses = 0
    }

    private let content: Mutex<Content>

    /// An empty cache; a limit below 1 keeps nothing.
    package init(limit: Int) { content = Mutex(Content(limit: limit)) }

    /// The value of a key, now the newest; nil where it is not there.
    package func value(of key: Key) -> Value? {
        content.withLock { content -> Value? in
            guard let place = content.places[key] else {
                content.misses += 1
                return nil
            }
            content.hits += 1
            content.moveToFront(place)
            return content.nodes[place].value
        }
    }

    /// Keeps a value; where the cache is full the oldest goes for it.
    package func keep(_ value: Value, for key: Key) {
        content.withLock { content in
            guard content.limit > 0 else { return }
            if let place = content.places[key] {
                content.nodes[place].value = value
                return content.moveToFront(place)
            }
            let place: Int
            if content.nodes.count < content.limit {
                place = content.nodes.count
                content.nodes.append(Node(key: key, value: value, newer: -1, older: -1))
            } else {
                place = content.oldest
                content.unlink(place)
                content.places[content.nodes[place].key] = nil
                content.nodes[place].key = key
                content.nodes[place].value = value
            }
            content.places[key] = place
            content.linkFirst(place)
        }
    }

    /// Takes another limit; one below what is there empties the cache, which fills again.
    package func resize(to limit: Int) {
        content.withLock { content in
            if limit < content.nodes.count {
                content = Content(limit: limit, hits: content.hits, misses: content.misses)
            } else {
                content.limit = limit
            }
        }
    }

    /// How full it is and how often it helped, since it was made.
    package var figures: CacheFigures {
        content.withLock { content in
            CacheFigures(entries: content.nodes.count, limit: content.limit, hits: content.hits, misses: content.misses)
        }
    }
}

extension LRUCache.Content {
    fileprivate mutating func moveToFront(_ place: Int) {
        guard place != newest else { return }
        unlink(place)
        linkFirst(place)
    }

    fileprivate mutating func unlink(_ place: Int) {
        let (newer, older) = (nodes[place].newer, nodes[place].older)
        if newer >= 0 { nodes[newer].older = older } else { newest = older }
        if older >= 0 { nodes[older].newer = newer } else { oldest = newer }
    }

    fileprivate mutating func linkFirst(_ place: Int) {
        nodes[place].newer = -1
        nodes[place].older = newest
        if newest >= 0 { nodes[newest].newer = place } else { oldest = place }
        newest = place
    }
}

/// How full a cache is and how often it helped.
package struct CacheFigures: Sendable, Equatable {
    package let entries: Int
    package let limit: Int
    package let hits: Int
    package let misses: Int
}
