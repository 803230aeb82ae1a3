internal import CanonicalJSON
public import EventStore
internal import Foundation

/// Keeps what a writer has acknowledged, outside the disk under test, and holds a log against it.
///
/// The oracle of crash tests. Commands that are to be found by half say in each payload how many events they have:
/// `{"of":3,"part":0}`.
public struct Bookkeeper: Sendable {
    /// Leaf hashes by position, in hexadecimal, as acknowledged.
    public private(set) var acknowledged: [Position: String] = [:]

    /// Books without an entry.
    public init() {}

    /// Takes down a line `ack <first> <leaf>...`; other lines are passed over.
    public mutating func note(_ line: some StringProtocol) {
        let words = line.split(separator: " ")
        guard words.first == "ack", words.count > 2, let first = Position(words[1]) else { return }
        for (index, leaf) in words.dropFirst(2).enumerated() { acknowledged[first + Position(index)] = String(leaf) }
    }

    /// What is wrong with a log after a restart; empty when nothing is.
    ///
    /// Every acknowledged event is there with its leaf hash, positions are dense, the root recomputed from all records is
    /// the head's, and no command is there by half.
    public func violations(in log: any EventLog) throws -> [String] {
        var violations: [String] = []
        var frontier = MerkleFrontier()
        var parts: [UUID: [Int]] = [:]
        let events = try log.allEvents(pageSize: 512)
        for (index, event) in events.enumerated() {
            let position = Position(index)
            if event.position != position { violations.append("position \(position) holds \(event.position)") }
            let leaf = MerkleFrontier.leaf(of: event.record)
            frontier.append(leaf: leaf)
            if let known = acknowledged[position], known != leaf.hexadecimal {
                violations.append("position \(position) was acknowledged with another leaf")
            }
            if let of = Self.size(of: event) { parts[event.commandID, default: []].append(of) }
        }
        for position in acknowledged.keys.sorted() where position >= Position(events.count) {
            violations.append("position \(position) was acknowledged and is lost")
        }
        for (command, sizes) in parts where sizes.contains(where: { $0 != sizes.count }) {
            violations.append("command \(command) is there by half: \(sizes.count) events of \(sizes)")
        }
        let head = try log.head()
        if head.size != frontier.size || head.root != frontier.root {
            violations.append("the head does not fit the records")
        }
        return violations
    }

    /// How many events the command has, as its payload `{"of":n,"part":i}` says.
    private static func size(of event: RecordedEvent) -> Int? {
        let text = String(decoding: event.data, as: UTF8.self)
        guard text.hasPrefix(#"{"of":"#) else { return nil }
        return Int(text.dropFirst(6).prefix { $0.isNumber })
    }
}
