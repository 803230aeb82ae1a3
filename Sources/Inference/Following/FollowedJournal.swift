package import CanonicalJSON
package import DurableFiles
package import EventStore
internal import Glibc
internal import Synchronization

/// What a worker keeps of a log on another machine: the events that concern it, how far it read, the last tree head.
///
/// Events are on disk before they count, and no checkpoint gets ahead of an event that is not. A checkpoint that is lost costs a second
/// reading, nothing more.
package final class FollowedJournal: Sendable {
    private struct Reached {
        var checkpoint: UInt64 = 0
        var kept: UInt64 = 0
        var at = ContinuousClock.now
        /// Events that were heard and are not on disk.
        var waiting: [JSONValue] = []
    }

    private let folder: String
    private let interval: Duration
    private let reached = Mutex(Reached())

    /// The largest file that is read, in bytes.
    private static let limit = 1 << 30

    /// The journal in a folder of its own, which is made; checkpoints are written `interval` apart.
    package init(folder: String, interval: Duration = .seconds(10)) throws(FileFault) {
        (self.folder, self.interval) = (folder, interval)
        try DurableFile.makeDirectory(folder, mode: 0o700)
    }

    private var events: String { "\(folder)/events.jsonl" }
    private var place: String { "\(folder)/checkpoint" }
    private var note: String { "\(folder)/tree-head" }
    private var mark: String { "\(folder)/proven" }

    private static func contents(_ path: String, limit: Int) throws(FileFault) -> [UInt8]? {
        do {
            return try DurableFile.read(path, limit: limit)
        } catch  where error.errorNumber == ENOENT {
            return nil
        }
    }

    /// The events in order, and the position to go on from.
    package func read() throws -> (events: [JSONValue], checkpoint: UInt64) {
        guard let bytes = try Self.contents(events, limit: Self.limit) else { return ([], 0) }
        var documents: [JSONValue] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            // A line that a power cut tore is read again from the log.
            guard let document = try? JSONReader.plain(line) else { break }
            documents.append(document)
        }
        let last = documents.last?["position"]?.number.map { UInt64($0) + 1 } ?? 0
        let text = String(decoding: try Self.contents(place, limit: 64) ?? [], as: UTF8.self)
        let whole =
            bytes.last == UInt8(ascii: "\n") && documents.count == bytes.count(where: { $0 == UInt8(ascii: "\n") })
        if !whole { try DurableFile.write(try Self.lines(documents), to: events, mode: 0o600) }
        let checkpoint = max(last, whole ? UInt64(text.filter(\.isNumber)) ?? 0 : 0)
        reached.withLock { $0 = Reached(checkpoint: checkpoint, kept: checkpoint) }
        return (documents, checkpoint)
    }

    // MARK: - Keeping

    /// Events that were heard and wait to be kept, in order.
    package var waiting: [JSONValue] { reached.withLock { $0.waiting } }

    /// Lets an event wait for ``keepWaiting(upTo:)``; until then no checkpoint is noted.
    package func hold(_ document: JSONValue) { reached.withLock { $0.waiting.append(document) } }

    /// Forgets what waits: it is heard again, from the checkpoint on.
    package func forgetWaiting() { reached.withLock { $0.waiting = [] } }

    /// Keeps what waits, on disk when it returns, and notes how far the log was read; where it throws, all of it waits on.
    package func keepWaiting(upTo checkpoint: UInt64) throws {
        let documents = waiting
        if !documents.isEmpty {
            let file = try FileDescriptor.open(events, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
            try file.write(try Self.lines(documents))
            try file.synchronise()
            forgetWaiting()
        }
        note(checkpoint: checkpoint)
    }

    private static func lines(_ documents: [JSONValue]) throws -> [UInt8] {
        try documents.flatMap { try $0.canonicalBytes() + [UInt8(ascii: "\n")] }
    }

    /// Notes how far the log was read, unless an event waits; written now and then.
    package func note(checkpoint: UInt64) {
        let isDue = reached.withLock { reached in
            guard reached.waiting.isEmpty else { return false }
            reached.checkpoint = max(reached.checkpoint, checkpoint)
            return reached.checkpoint > reached.kept && reached.at.duration(to: .now) >= interval
        }
        if isDue { keepCheckpoint() }
    }

    /// Writes how far the log was read; what fails is read a second time.
    package func keepCheckpoint() {
        let checkpoint = reached.withLock { reached in
            (reached.kept, reached.at) = (reached.checkpoint, .now)
            return reached.checkpoint
        }
        try? DurableFile.write(Array("\(checkpoint)\n".utf8), to: place, mode: 0o600)
    }

    // MARK: - Proofs

    /// The tree head that was seen last; nil before the first.
    ///
    /// Throws ``LoadFault`` for a file that holds none.
    package func head() throws -> SignedTreeHead? {
        guard let bytes = try Self.contents(note, limit: 1 << 16) else { return nil }
        guard let head = SignedTreeHead(note: String(decoding: bytes, as: UTF8.self)) else {
            throw LoadFault(
                .log,
                "\(note) is no tree head",
                hint: "a worker begins anew in an empty folder; first find out who changed the file"
            )
        }
        return head
    }

    /// The order whose events were proven last; nil before the first.
    package func proven() throws(FileFault) -> String? {
        try Self.contents(mark, limit: 1_024).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Keeps that the events of an order were proven.
    package func keep(proven order: String) throws(FileFault) {
        try DurableFile.write(Array(order.utf8), to: mark, mode: 0o600)
    }

    /// Keeps a tree head.
    package func keep(_ head: SignedTreeHead) throws(FileFault) {
        try DurableFile.write(Array(head.note.utf8), to: note, mode: 0o600)
    }
}
