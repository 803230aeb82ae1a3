internal import CanonicalJSON
internal import Crypto
internal import Dispatch
internal import Foundation
internal import Synchronization

/// Reads a whole log and compares it with what it says of itself.
///
/// Proves that the records at hand are dense and well formed, hash to the leaves of the Merkle tree and to its root, that every
/// index leads to them, and that the tree heads are over them and signed by the keys that the log names. It cannot prove that
/// an action was ever recorded, nor, without a head kept elsewhere, that the whole history was not made anew by somebody who
/// holds the key.
public struct LogVerification: Sendable {
    /// What the reading found.
    public struct Report: Sendable {
        /// The number of events that were read and found sound.
        public var events: Position
        /// The Merkle root over them, 32 bytes.
        public var root: [UInt8]
        /// The number of streams.
        public var streams: Int
        /// How many kept tree heads were checked, of how many.
        public var treeHeads: (checked: Int, kept: Int)
        /// How many tree heads outside the log were checked.
        public var outsideHeads: Int
        /// The positions whose text was redacted; their leaves are those of the tile, their replacements those that were announced.
        public var redacted: [Position]
        /// How many events at the end no tree head is signed over; only a program without keys leaves any.
        public var unsigned: Position
    }

    /// What is to be read, and how.
    public struct Options: Sendable {
        /// Whether all tree heads are checked and not only the newest, those at a change of keys and one a day.
        public var allHeads = false
        /// Whether the tree heads outside the log are held against it: not where a loss is to be accepted.
        public var checksOutside = true
        /// The types of events that `inspect` is to see.
        public var types: Set<String> = []

        /// Newest heads, and nothing inspected.
        public init() {}
    }

    private let log: LMDBEventLog
    private let options: Options
    private let secret = Fingerprint.Secret()
    private let tail: LogTail
    private let covered: Position
    private var done: Position = 0
    private var last = RecordSweep.Moment()
    private var tree = ComputedTree()
    private var streams = Fingerprint()
    private var identifiers = Fingerprint()
    private var replaced: [Position: [UInt8]] = [:]
    private var announced: [Position: String] = [:]
    private var keys: [HeadCheck.KeyChange] = []

    /// Two pieces are read at once, each of so many records: whole tiles of the first two levels.
    private static let piece: Position = 32_768
    private static let own: Set<String> = [
        "log.created", "log.key_rotated", "log.rollback_accepted", "record.redacted",
    ]

    /// Reads everything up to the head at the start of the call; blocks, and reads on two threads.
    ///
    /// Throws ``EventStoreError/Code/damaged`` naming the first bad position, and
    /// ``EventStoreError/Code/rolledBack`` when a head outside says that the log was longer or another, or the key files are
    /// another log's. `progress` gets the
    /// position up to which all is sound; `inspect` sees each sound event of the types asked for, in order, and may throw to
    /// stop.
    public static func verify(
        _ log: LMDBEventLog,
        options: Options = Options(),
        progress: (Position) -> Void = { _ in },
        inspect: (RecordedEvent) throws -> Void = { _ in }
    ) throws -> Report {
        var start = try Self.start(log)
        // A look takes microseconds, a commit two synchronisations of the disk: it is hardly ever overtaken, and not for long.
        while start.pages == .overtaken { start = try Self.start(log) }
        let (tail, covered) = (start.tail, start.covered)
        let pages: String? = if case .fault(let words) = start.pages { words } else { nil }
        var verification = LogVerification(log, options, tail, covered)
        do {
            guard covered <= tail.size else {
                throw damaged(tail.size, "a tree head of size \(covered) stands in a log of \(tail.size)")
            }
            // Only release 0.1.0 signed nothing at all; what was put behind a signed end, nobody of the plant put there.
            guard covered == tail.size || covered == 0 else {
                throw damaged(covered, "it and what comes after it stand under no tree head: nobody signed them")
            }
            try verification.readRecords(progress, inspect)
            // A bad page without a bad record is told last: the position is worth more to whoever looks for the cause.
            if let pages { throw damaged(nil, pages) }
            return try verification.finish()
        } catch let error as EventStoreError {
            guard let pages, error.code == .damaged, error.position == nil else { throw error }
            throw damaged(nil, pages)
        }
    }

    /// The end of the log, what is signed of it, and its pages, all of one commit.
    private static func start(
        _ log: LMDBEventLog
    ) throws(EventStoreError) -> (pages: PageWalk.Finding, tail: LogTail, covered: Position) {
        try log.environment.read { transaction throws(EventStoreError) in
            let pages = PageWalk.finding(in: transaction.raw)
            return (pages, try transaction.tail(), try transaction.newestTreeHead()?.head.size ?? 0)
        }
    }

    private init(_ log: LMDBEventLog, _ options: Options, _ tail: LogTail, _ covered: Position) {
        (self.log, self.options, self.tail, self.covered) = (log, options, tail, covered)
    }

    // MARK: Records

    private mutating func readRecords(
        _ progress: (Position) -> Void,
        _ inspect: (RecordedEvent) throws -> Void
    ) throws {
        let types = Self.own.union(options.types)
        let sweep = RecordSweep(secret: secret, types: types.map { Array($0.utf8) }, covered: covered)
        while done < tail.size {
            for piece in try nextPieces(sweep) {
                try join(piece)
                for position in piece.marked { try take(log.record(at: position), inspect) }
                if let fault = piece.fault { throw Self.damaged(fault.position, fault.words) }
                progress(done)
            }
        }
    }

    private func nextPieces(_ sweep: RecordSweep) throws -> [RecordSweep.Piece] {
        let starts = [done, done + Self.piece].filter { $0 < tail.size }
        let results = Mutex([Result<RecordSweep.Piece, EventStoreError>?](repeating: nil, count: starts.count))
        DispatchQueue.concurrentPerform(iterations: starts.count) { index in
            let (start, end) = (starts[index], min(starts[index] + Self.piece, tail.size))
            let result = Result { () throws(EventStoreError) in
                try log.environment.read { transaction throws(EventStoreError) in
                    try sweep.piece(from: start, to: end, in: transaction)
                }
            }
            results.withLock { $0[index] = result }
        }
        return try results.withLock { try $0.compactMap { try $0?.get() } }
    }

    private mutating func join(_ piece: RecordSweep.Piece) throws {
        if piece.first.time != .min, let words = last.precedes(piece.first) { throw Self.damaged(done, words) }
        if piece.last.time != .min { last = piece.last }
        tree.add(piece.groups, rest: piece.rest)
        streams.add(piece.streams)
        identifiers.add(piece.identifiers)
        replaced.merge(piece.replaced) { $1 }
        done = piece.fault?.position ?? min(done + Self.piece, tail.size)
    }

    private mutating func take(_ event: RecordedEvent, _ inspect: (RecordedEvent) throws -> Void) throws {
        if options.types.contains(event.type) { try inspect(event) }
        switch event.type {
        case "record.redacted":
            guard let payload = try? JSONReader.canonical(event.data),
                let position = payload["redacted_position"]?.number,
                let digest = payload["replacement_sha256"]?.text, position > 0, position < Int(event.position)
            else { throw Self.damaged(event.position, "it says a record was redacted, but not which") }
            announced[Position(position)] = digest
        default:
            if let change = HeadCheck.KeyChange(event) { keys.append(change) }
        }
    }

    // MARK: What follows from the records

    private func finish() throws -> Report {
        for (position, digest) in replaced.sorted(by: { $0.key < $1.key }) {
            guard announced[position] == digest.hexadecimal else {
                throw Self.damaged(
                    position,
                    "it is the replacement of a redacted record, but not the one that was announced"
                )
            }
        }
        for position in announced.keys.sorted() where replaced[position] == nil {
            throw Self.damaged(position, "its redaction is recorded, but its text was not replaced")
        }
        let root = try tree.root(size: tail.size)
        guard root == tail.frontier.root else {
            throw Self.damaged(tail.size, "the records do not hash to the root that the log keeps")
        }
        let lastID = withUnsafeBytes(of: tail.lastEventID.uuid) {
            ($0.bigEndian(at: 0), $0.bigEndian(at: 8)) as (UInt64, UInt64)
        }
        guard tail.size == 0 || last.time == tail.recordedAt && last.identifier == lastID else {
            throw Self.damaged(tail.size, "the log's head does not belong to its last record")
        }
        return try log.environment.read { transaction throws(EventStoreError) in try finish(root, transaction) }
    }

    private func finish(_ root: [UInt8], _ transaction: LMDBTransaction) throws(EventStoreError) -> Report {
        let indexes = IndexCheck(transaction: transaction, size: tail.size, secret: secret)
        try indexes.checkTiles(tree, covered: covered)
        let count = try indexes.checkStreams(streams)
        try indexes.checkIdentifiers(identifiers)
        try indexes.checkOutcomes()
        let heads = HeadCheck(transaction: transaction, keys: keys, size: tail.size, allHeads: options.allHeads)
        let kept = try heads.checkKept()
        var outside = 0
        if options.checksOutside {
            outside = try heads.checkOutside(log.folders.treeHeads) { () throws(EventStoreError) in try log.head().size
            }
            if let found = try log.contradiction() { throw try log.rolledBack(found) }
            try log.requireOwnHeads()
            try log.requireOwnKey()
        }
        return Report(
            events: tail.size,
            root: root,
            streams: count,
            treeHeads: kept,
            outsideHeads: outside,
            redacted: replaced.keys.sorted(),
            unsigned: tail.size - covered
        )
    }

    static func damaged(_ position: Position?, _ words: String) -> EventStoreError {
        EventStoreError(
            .damaged,
            "the log is damaged\(position.map { " at position \($0)" } ?? ""): \(words)",
            hint: "stop writing, keep a copy of data/log, and restore a backup; nothing was changed",
            position: position
        )
    }
}

/// The Merkle tree over the records as they were read: what the stored tiles are held against.
struct ComputedTree: TileReading {
    /// Complete subtrees of height 8 and above by level; at 0 only the leaves after the last full group.
    private(set) var levels: [[TreeHash]] = [[], []]

    mutating func add(_ groups: [TreeHash], rest: [TreeHash]) {
        levels[0] = rest
        levels[1] += groups
        var level = 1
        while levels[level].count >= 256 {
            if levels.count == level + 1 { levels.append([]) }
            for index in levels[level + 1].count..<levels[level].count / 256 {
                levels[level + 1].append(RecordSweep.root(Array(levels[level][256 * index..<256 * index + 256])))
            }
            level += 1
        }
    }

    func tile(level: Int, index: UInt64, width: Int) throws -> [UInt8] {
        // At level 0 nothing but the unfinished tile is asked for: the tree's edge.
        let start = level == 0 ? 0 : Int(index) * 256
        guard level < levels.count, start + width <= levels[level].count else {
            preconditionFailure("the tree was read up to its size")
        }
        return levels[level][start..<start + width].flatMap(\.bytes)
    }
}
