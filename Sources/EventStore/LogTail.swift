package import Foundation

/// What the next append must know of everything before it; stored in `me` under `head` with each append.
package struct LogTail: Hashable, Sendable {
    /// The clocks when the last event was recorded: what the next reading is judged against.
    package struct Anchor: Hashable, Sendable {
        /// The boot in which they were read; empty until the first append after creation.
        package var bootID: String
        /// The wall clock as it was, even if ``LogTail/recordedAt`` had to be later.
        package var wall: Microseconds
        /// The boot clock.
        package var sinceBoot: Microseconds
    }

    /// Size and root.
    package var frontier: MerkleFrontier
    /// The time of the last event; 0 for an empty log.
    package var recordedAt: Microseconds
    /// The last event's identifier; all zero for an empty log.
    package var lastEventID: UUID
    /// The clocks at the last event.
    package var anchor: Anchor

    /// The tail of a log without events.
    package init() {
        frontier = MerkleFrontier()
        recordedAt = 0
        lastEventID = .system
        anchor = Anchor(bootID: "", wall: 0, sinceBoot: 0)
    }

    /// The next position to be given.
    package var size: Position { frontier.size }

    /// The head as readers see it.
    package var head: LogHead { LogHead(size: size, root: frontier.root, recordedAt: recordedAt) }
}

// Stored form, big-endian: version u8 = 1 · size u64 · root 32 · recorded_at i64 · last event_id 16 · anchor wall i64 ·
// anchor boot clock i64 · boot id (u8 length + text) · frontier hashes (u8 count + 32 each).
extension LogTail {
    private static let storedVersion: UInt8 = 1
    private static let fixedBytes = 82

    /// The stored form.
    package var stored: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.fixedBytes + 38 + 32 * 24)
        bytes.append(Self.storedVersion)
        bytes.append(bigEndian: size)
        bytes += frontier.root
        bytes.append(bigEndian: recordedAt)
        bytes.append(identifier: lastEventID)
        bytes.append(bigEndian: anchor.wall)
        bytes.append(bigEndian: anchor.sinceBoot)
        bytes.append(UInt8(anchor.bootID.utf8.count))
        bytes += anchor.bootID.utf8
        bytes.append(UInt8(frontier.edge.count))
        for hash in frontier.edge { withUnsafeBytes(of: hash) { bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// Reads the stored form; nil for bytes that this version did not write or whose root does not fit its hashes.
    package init?(stored bytes: [UInt8]) {
        guard let head = LogHead(storedTail: bytes[...]) else { return nil }
        let bootEnd = Self.fixedBytes + Int(bytes[Self.fixedBytes - 1])
        guard bootEnd < bytes.count, bytes.count == bootEnd + 1 + 32 * Int(bytes[bootEnd]) else { return nil }
        let hashes = stride(from: bootEnd + 1, to: bytes.count, by: 32).map { Array(bytes[$0..<$0 + 32]) }
        guard let frontier = MerkleFrontier(size: head.size, hashes: hashes), frontier.root == head.root,
            let lastEventID = UUID(bytes: bytes[49..<65])
        else { return nil }
        let clocks: (wall: Microseconds, sinceBoot: Microseconds) = (
            bytes[...].bigEndian(at: 65), bytes[...].bigEndian(at: 73)
        )
        let possible = -RecordFormat.greatestTime...RecordFormat.greatestTime
        guard possible.contains(clocks.wall), possible.contains(clocks.sinceBoot) else { return nil }
        self.frontier = frontier
        recordedAt = head.recordedAt
        self.lastEventID = lastEventID
        anchor = Anchor(
            bootID: String(decoding: bytes[Self.fixedBytes..<bootEnd], as: UTF8.self),
            wall: clocks.wall,
            sinceBoot: clocks.sinceBoot
        )
    }
}

extension LogHead {
    /// The head within a stored tail; nil for bytes that are none.
    init?(storedTail bytes: ArraySlice<UInt8>) {
        guard bytes.count > 82, bytes.first == 1 else { return nil }
        let start = bytes.startIndex
        self.init(
            size: bytes.bigEndian(at: 1),
            root: Array(bytes[start + 9..<start + 41]),
            recordedAt: bytes.bigEndian(at: 41)
        )
    }
}
