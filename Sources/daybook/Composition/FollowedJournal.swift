import CanonicalJSON
import DurableFiles
import EventStore
import Foundation
import Synchronization

/// What a worker keeps of a log on another machine: the events that concern it, how far it read, the last tree head.
///
/// Events are on disk before they count. A checkpoint that is lost costs a second reading, nothing more.
final class FollowedJournal: Sendable {
    private let folder: String
    private let reached = Mutex<(checkpoint: UInt64, kept: UInt64, at: ContinuousClock.Instant)>((0, 0, .now))

    /// The largest file that is read, in bytes.
    private static let limit = 1 << 30

    init(folder: String) throws {
        self.folder = folder
        try DurableFile.makeDirectory(folder, mode: 0o700)
    }

    private var events: String { "\(folder)/events.jsonl" }
    private var place: String { "\(folder)/checkpoint" }
    private var note: String { "\(folder)/tree-head" }
    private var mark: String { "\(folder)/proven" }

    private static func isThere(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// The events in order, and the position to go on from.
    func read() throws -> (events: [JSONValue], checkpoint: UInt64) {
        guard Self.isThere(events) else { return ([], 0) }
        let bytes = try DurableFile.read(events, limit: Self.limit)
        var documents: [JSONValue] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            // A line that a power cut tore is read again from the log.
            guard let document = try? JSONReader.plain(line) else { break }
            documents.append(document)
        }
        let last = documents.last?["position"]?.number.map { UInt64($0) + 1 } ?? 0
        let text = Self.isThere(place) ? String(decoding: try DurableFile.read(place, limit: 64), as: UTF8.self) : ""
        let whole =
            bytes.last == UInt8(ascii: "\n") && documents.count == bytes.count(where: { $0 == UInt8(ascii: "\n") })
        if !whole {
            try DurableFile.write(try Self.lines(documents), to: events, mode: 0o600)
        }
        let checkpoint = max(last, whole ? UInt64(text.filter(\.isNumber)) ?? 0 : 0)
        reached.withLock { $0 = (checkpoint, checkpoint, .now) }
        return (documents, checkpoint)
    }

    /// Adds events, on disk when it returns.
    func append(_ documents: [JSONValue], checkpoint: UInt64) throws {
        if !documents.isEmpty {
            let file = try FileDescriptor.open(events, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode: 0o600)
            try file.write(try Self.lines(documents))
            try file.synchronise()
        }
        note(checkpoint: checkpoint)
    }

    private static func lines(_ documents: [JSONValue]) throws -> [UInt8] {
        try documents.flatMap { try $0.canonicalBytes() + [UInt8(ascii: "\n")] }
    }

    /// Notes how far the log was read; written now and then.
    func note(checkpoint: UInt64) {
        let isDue = reached.withLock { reached in
            reached.checkpoint = max(reached.checkpoint, checkpoint)
            return reached.checkpoint > reached.kept && reached.at.duration(to: .now) > .seconds(10)
        }
        if isDue { keepCheckpoint() }
    }

    /// Writes how far the log was read; what fails is read a second time.
    func keepCheckpoint() {
        let checkpoint = reached.withLock { reached in
            (reached.kept, reached.at) = (reached.checkpoint, .now)
            return reached.checkpoint
        }
        try? DurableFile.write(Array("\(checkpoint)\n".utf8), to: place, mode: 0o600)
    }

    /// The tree head that was seen last; nil before the first.
    func head() throws -> SignedTreeHead? {
        guard Self.isThere(note) else { return nil }
        guard
            let head = SignedTreeHead(note: String(decoding: try DurableFile.read(note, limit: 1 << 16), as: UTF8.self))
        else {
            throw Failure(
                "worker.head",
                "\(note) is no tree head",
                hint: "a worker begins anew in an empty folder; first find out who changed the file",
                status: ExitStatus.badData
            )
        }
        return head
    }

    /// The order whose events were proven last; nil before the first.
    func proven() throws -> String? {
        guard Self.isThere(mark) else { return nil }
        return String(decoding: try DurableFile.read(mark, limit: 1_024), as: UTF8.self)
    }

    /// Keeps that the events of an order were proven.
    func keep(proven order: String) throws { try DurableFile.write(Array(order.utf8), to: mark, mode: 0o600) }

    /// Keeps a tree head.
    func keep(_ head: SignedTreeHead) throws { try DurableFile.write(Array(head.note.utf8), to: note, mode: 0o600) }
}
