package import CanonicalJSON
internal import Crypto
package import EventStore

/// What a bundle is to hold.
package struct ExtractRange: Sendable {
    /// The first position.
    package var from: Position
    /// The checkpoint at the end: events before it.
    package var to: Position
    /// The categories of streams; empty for all.
    package var only: Set<String>
    /// The tree head that the auditor holds; nil for none, which is the empty log.
    package var held: SignedTreeHead?

    /// A range and a choice of streams.
    package init(from: Position, to: Position, only: Set<String> = [], held: SignedTreeHead? = nil) {
        self.from = from
        self.to = to
        self.only = only
        self.held = held
    }

    func holds(_ event: RecordedEvent) -> Bool {
        event.position >= from && event.position < to && (only.isEmpty || only.contains(event.stream.category))
    }
}

/// The part of an audit bundle that needs no words: records, tiles, heads, keys and the proof of consistency.
///
/// From position 0, without a choice and without redactions, up to a signed head, the files are a C2SP tlog-tiles folder.
/// Any other range holds its records as single files, with the log's changes of keys and the redactions that explain them,
/// and the tiles that their proofs need.
package struct LogExtract {
    private let log: LMDBEventLog
    private let range: ExtractRange
    /// The head under which everything is proven.
    package let head: SignedTreeHead
    private let size: UInt64
    private let keyPositions: [Position]
    /// The redacted positions of the range, each with the position of the event that says so.
    private let redactions: [Position: Position]
    private let heads: [SignedTreeHead]

    private static let bundleWidth = 256

    /// Chooses the head: of those that are kept, the smallest that covers the range and its redactions.
    ///
    /// The newest head is given out by this, so the same range finds the same head for ever. Throws ``ProofFault`` when the
    /// held head is none of this log, ``ProofFault/Code/outOfRange`` for a range that is none, and what reading throws.
    package init(of log: LMDBEventLog, _ range: ExtractRange) throws {
        self.log = log
        self.range = range
        let newest = try log.giveOutTreeHead()
        guard range.from < range.to, range.to <= newest.head.size else {
            throw ProofFault(
                .outOfRange,
                "positions \(range.from) to before \(range.to) are no range of a log of \(newest.head.size) events",
                hint:
                    "the end lies behind the beginning, and no further than the log; a range without events proves nothing"
            )
        }
        try Self.check(range.only, in: log)
        let redactions = try Self.redactions(in: log, range)
        let least = max(
            range.to,
            (redactions.values.max() ?? 0) + (redactions.isEmpty ? 0 : 1),
            range.held?.head.size ?? 0
        )
        heads = try log.treeHeads()
        let origin = newest.head.origin
        head = heads.first { $0.head.size >= least && $0.head.origin == origin } ?? newest
        size = head.head.size
        let size = size
        keyPositions = try log.verifierKeys().map(\.position).filter { $0 < size }
        self.redactions = redactions
        if let held = range.held { try Self.check(held, in: log) }
    }

    /// Whether the files are those of a whole log: a C2SP tlog-tiles folder.
    package var isWhole: Bool { range.from == 0 && range.to == size && range.only.isEmpty && redactions.isEmpty }

    /// Refuses a category that no stream of the log has: a misspelt choice would be a bundle of nothing.
    private static func check(_ only: Set<String>, in log: LMDBEventLog) throws {
        guard !only.isEmpty else { return }
        var known: Set<String> = []
        try eachEvent(of: log, from: 0, to: try log.head().size) { known.insert($0.stream.category) }
        guard only.isSubset(of: known) else {
            throw ProofFault(
                .outOfRange,
                "this log has no stream of the category \(only.subtracting(known).sorted().joined(separator: ", "))",
                hint: "it has \(known.sorted().joined(separator: ", "))"
            )
        }
    }

    private static func check(_ held: SignedTreeHead, in log: LMDBEventLog) throws {
        try log.requireSigned(held)
        guard held.head.size <= (try log.head().size), try log.root(size: held.head.size) == held.head.root else {
            throw ProofFault(
                .notConsistent,
                "this log does not contain the tree head over \(held.head.size) events that the auditor holds",
                hint: "history was lost or rewritten since: compare with a backup before anything else is done"
            )
        }
    }

    /// The redactions of the range: rare, so the events are looked for only where a record says that it was replaced.
    private static func redactions(in log: LMDBEventLog, _ range: ExtractRange) throws -> [Position: Position] {
        var replaced: Set<Position> = []
        var last: [Position: Position] = [:]
        try eachEvent(of: log, from: range.from, to: range.to) { event in
            if event.isRedacted, range.holds(event) { replaced.insert(event.position) }
        }
        guard let first = replaced.min() else { return [:] }
        try eachEvent(of: log, from: first, to: try log.head().size) { event in
            guard event.type == "record.redacted",
                let position = try JSONReader.canonical(event.data)["redacted_position"]?.number.flatMap(
                    Position.init(exactly:)
                ),
                replaced.contains(position)
            else { return }
            last[position] = event.position
        }
        return last
    }

    private static func eachEvent(
        of log: LMDBEventLog,
        from start: Position,
        to end: Position,
        _ body: (RecordedEvent) throws -> Void
    ) throws {
        var next = start
        while next < end {
            let page = try log.page(from: next, limit: 512)
            guard page.next > next else { return }
            for event in page.events where event.position < end { try body(event) }
            next = page.next
        }
    }

    /// Writes everything, and shows each event of the range with its leaf hash, in order; returns how many there were.
    ///
    /// Throws ``ProofFault/Code/notIncluded`` for a record that is not the one in the tree.
    package func write(
        to folder: BundleFolder,
        each: (_ event: RecordedEvent, _ leaf: [UInt8]) throws -> Void
    ) throws -> Int {
        var leaves = LeafReader(log: log, size: size)
        var (count, bundle, positions) = (0, [UInt8](), Set<Position>())
        try Self.eachEvent(of: log, from: range.from, to: range.to) { event in
            guard range.holds(event) else { return }
            let leaf = try leaves.checked(event)
            if isWhole {
                try Self.append(event, to: &bundle, size: size, folder)
            } else {
                positions.insert(event.position)
                try folder.add("events/\(event.position).event", Array(event.record))
            }
            count += 1
            try each(event, leaf)
        }
        if !isWhole {
            let explaining = Set(keyPositions).union(redactions.values)
            for position in explaining.subtracting(positions) where position < size {
                let event = try log.record(at: position)
                _ = try leaves.checked(event)
                positions.insert(position)
                try folder.add("events/\(position).event", Array(event.record))
            }
        }
        try writeTree(positions, to: folder)
        return count
    }

    private static func append(
        _ event: RecordedEvent,
        to bundle: inout [UInt8],
        size: UInt64,
        _ folder: BundleFolder
    ) throws {
        bundle.append(UInt8(event.record.count >> 8))
        bundle.append(UInt8(event.record.count & 255))
        bundle += event.record
        let place = TilePlace(level: 0, index: event.position / UInt64(bundleWidth))
        let width = place.width(in: size)
        guard event.position % UInt64(bundleWidth) == UInt64(width - 1) else { return }
        try folder.add(TilePath.of("entries", place.index, width: width), bundle)
        bundle.removeAll(keepingCapacity: true)
    }

    /// Tiles, heads, keys and the proof of consistency.
    private func writeTree(_ positions: Set<Position>, to folder: BundleFolder) throws {
        let rotations = keyPositions.dropFirst().compactMap { position in heads.first { $0.head.size > position } }
        let older = Set(rotations.filter { $0.head.size < size })
        for head in older { try folder.add("keys/\(head.head.size).checkpoint", Array(head.note.utf8)) }
        let sizes = older.map(\.head.size) + [range.held?.head.size ?? 0]
        let places = isWhole ? TilePlace.all(in: size) : TilePlace.proving(Array(positions) + sizes, in: size)
        for place in places {
            let width = place.width(in: size)
            try folder.add(
                TilePath.of(String(place.level), place.index, width: width),
                try log.tile(level: place.level, index: place.index, width: width)
            )
        }
        let empty = TreeHead(origin: head.head.origin, size: 0, root: Array(SHA256.hash(data: [UInt8]())))
        try folder.add("checkpoint", Array(head.note.utf8))
        try folder.add("checkpoint.from", Array((range.held?.note ?? empty.body).utf8))
        let old = range.held?.head.size ?? 0
        let proof = try TreeProof.consistency(from: old, to: size, from: log)
        let lines = ["old \(old)"] + proof.map { StrictBase64.text($0) }
        try folder.add("consistency.txt", Array(lines.map { $0 + "\n" }.joined().utf8))
        let keys = try log.verifierKeys().filter { $0.position < size }.map { $0.key.text + "\n" }.joined()
        try folder.add("keys/vkeys.txt", Array(keys.utf8))
    }

    /// `bundle.json`: what was asked for and what came of it.
    package func facts(records: Int, absent: Set<String>) -> JSONValue {
        [
            "format": 1, "from": .integer(Int(range.from)), "to": .integer(Int(range.to)), "records": .integer(records),
            "only": .array(range.only.sorted().map { .string($0) }),
            "absent": .array(absent.sorted().map { .string($0) }),
        ]
    }
}

/// The leaf hashes of a log, a tile at a time.
private struct LeafReader {
    let log: LMDBEventLog
    let size: UInt64
    private var index = UInt64.max
    private var tile: [UInt8] = []

    init(log: LMDBEventLog, size: UInt64) { (self.log, self.size) = (log, size) }

    /// The leaf hash of an event that is what the tree says; a replacement of a redacted record has its original's.
    mutating func checked(_ event: RecordedEvent) throws -> [UInt8] {
        let place = TilePlace(level: 0, index: event.position >> 8)
        if place.index != index {
            tile = try log.tile(level: 0, index: place.index, width: place.width(in: size))
            index = place.index
        }
        let start = Int(event.position & 255) * 32
        let leaf = Array(tile[start..<start + 32])
        guard event.isRedacted || MerkleFrontier.leaf(of: event.record) == leaf else {
            throw ProofFault(
                .notIncluded,
                "the record at position \(event.position) is not the one that the log's tree holds",
                hint: "run `daybook verify`; the log was altered outside Daybook",
                position: event.position
            )
        }
        return leaf
    }
}

extension LMDBEventLog {
    /// Refuses a tree head that no key of this log signed, present or past.
    ///
    /// Throws ``ProofFault/Code/notSigned``; whether the log contains the head is another question.
    package func requireSigned(_ head: SignedTreeHead) throws {
        guard try verifierKeys().contains(where: { $0.key.name == head.head.origin && head.isSigned(by: $0.key) })
        else {
            throw ProofFault(
                .notSigned,
                "the tree head over \(head.head.size) events is not signed by a key of this log",
                hint: "is it the head of another installation? its first line names \(head.head.origin)"
            )
        }
    }
}
