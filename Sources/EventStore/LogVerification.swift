internal import CanonicalJSON
internal import Crypto

/// Reads a whole log and compares it with what it says of itself.
///
/// Proves that the records at hand are dense, well formed, rightly chained in their streams, and hash to the root that the
/// log keeps. It cannot prove that an action was ever recorded, nor, without a head kept elsewhere, that the whole history
/// was not made anew by somebody who holds the key.
public struct LogVerification: Sendable {
    /// What the reading found.
    public struct Report: Sendable {
        /// The number of events that were read and found sound.
        public var events: Position
        /// The Merkle root over them, 32 bytes.
        public var root: [UInt8]
        /// The number of streams.
        public var streams: Int
    }

    private var frontier = MerkleFrontier()
    private var versions: [ArraySlice<UInt8>: UInt64] = [:]
    private var lastTime: Microseconds = 0
    private var lastIdentifier: [UInt8] = []
    /// The digest of each replacement found, and what the newest event says that it must be.
    private var replaced: [Position: String] = [:]
    private var announced: [Position: String] = [:]

    private init() {}

    /// Reads everything up to the head at the start of the call.
    ///
    /// Throws ``EventStoreError/Code/damaged`` naming the first bad position. `progress` gets the events since its last call;
    /// `inspect` sees each sound event, and may throw to stop.
    public static func verify(
        _ log: some EventLog,
        progress: (Int) -> Void = { _ in },
        inspect: (RecordedEvent) throws -> Void = { _ in }
    ) throws -> Report {
        let head = try log.head()
        var verification = LogVerification()
        while verification.frontier.size < head.size {
            let page = try log.page(from: verification.frontier.size, limit: 4096)
            for event in page.events where verification.frontier.size < head.size {
                try verification.take(event, tiles: log as? any TileReading)
                try inspect(event)
            }
            progress(page.events.count)
            guard !page.events.isEmpty else {
                throw damaged(
                    verification.frontier.size,
                    "the log says it has \(head.size) events, but this one is missing"
                )
            }
        }
        try verification.compareRedactions()
        let root = verification.frontier.root
        guard root == head.root else {
            throw damaged(head.size, "the records do not hash to the root that the log keeps")
        }
        return Report(events: head.size, root: root, streams: verification.versions.count)
    }

    /// The replacements are those that were announced, and nothing announced was left undone.
    private func compareRedactions() throws {
        for position in Set(replaced.keys).union(announced.keys).sorted()
        where replaced[position] != announced[position] {
            throw Self.damaged(position, "it is not the replacement that its redaction announced")
        }
    }

    private mutating func take(_ event: RecordedEvent, tiles: (any TileReading)?) throws {
        let position = frontier.size
        guard event.position == position else {
            throw Self.damaged(position, "the record here says it stands at \(event.position)")
        }
        guard event.streamKey.elementsEqual(event.stream.key) else {
            throw Self.damaged(position, "its stream key does not belong to \(event.stream)")
        }
        let version = versions[event.streamBytes, default: 0] + 1
        guard event.streamVersion == version else {
            throw Self.damaged(
                position,
                "stream \(event.stream) jumps from version \(version - 1) to \(event.streamVersion)"
            )
        }
        guard event.recordedAt >= lastTime else {
            throw Self.damaged(position, "its time lies before the event before it")
        }
        let identifier = event.eventID.bytes
        guard lastIdentifier.lexicographicallyPrecedes(identifier) else {
            throw Self.damaged(position, "its identifier does not come after the one before")
        }
        versions[event.streamBytes] = version
        lastTime = event.recordedAt
        lastIdentifier = identifier
        if event.type == "record.redacted", let payload = try? JSONReader.canonical(event.data),
            let redacted = payload["redacted_position"]?.number, redacted >= 0
        {
            announced[Position(redacted)] = payload["replacement_sha256"]?.text
        }
        guard event.isRedacted, let tiles else { return frontier.append(record: event.record) }
        // The bytes are others than those that were hashed: the tree keeps the leaf of the original.
        replaced[position] = SHA256.hash(data: event.record).hexadecimal
        let tile = try tiles.tile(level: 0, index: position / 256, width: Int(position % 256) + 1)
        guard let leaf = TreeHash(Array(tile.suffix(32))) else {
            throw Self.damaged(position, "its leaf is missing in the tree")
        }
        frontier.append(leaf)
    }

    private static func damaged(_ position: Position, _ words: String) -> EventStoreError {
        EventStoreError(
            .damaged,
            "the log is damaged at position \(position): \(words)",
            hint: "stop writing, keep a copy of data/log, and restore a backup; nothing was changed",
            position: position
        )
    }
}
