import EventStore
import EventStoreTesting
import Foundation

/// Keeps what a writer has acknowledged, outside the disk under test, and holds a log against it.
struct Bookkeeper {
    /// Leaf hashes by position, in hexadecimal, as acknowledged.
    private(set) var acknowledged: [Position: String] = [:]

    /// Takes down a line `ack <first> <leaf>...`; other lines are passed over.
    mutating func note(_ line: some StringProtocol) {
        let words = line.split(separator: " ")
        guard words.first == "ack", words.count > 2, let first = Position(words[1]) else { return }
        for (index, leaf) in words.dropFirst(2).enumerated() { acknowledged[first + Position(index)] = String(leaf) }
    }

    /// What is wrong with a log after a restart; empty when nothing is.
    ///
    /// Every acknowledged event is there with its leaf hash, positions are dense, the root recomputed from all records is
    /// the head's, and no command is there by half.
    func violations(in log: any EventLog) throws -> [String] {
        var violations: [String] = []
        var frontier = MerkleFrontier()
        var parts: [UUID: [Int]] = [:]
        let events = try log.allEvents(pageSize: 512)
        for (index, event) in events.enumerated() {
            let position = Position(index)
            if event.position != position { violations.append("position \(position) holds \(event.position)") }
            let leaf = MerkleFrontier.leaf(of: event.record)
            frontier.append(leaf: leaf)
            if let known = acknowledged[position], known != hexadecimal(leaf) {
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

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { $0 < 16 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }.joined()
}
