import CanonicalJSON
import Crypto
import DurableFiles
import EventStore
import EventStoreTesting
import Foundation
import Testing

@testable import Backups

@Suite("A log moved between homes")
struct RawLogTests {
    /// A log of some hundred events in a few streams, one document beside it, and its export.
    private struct Moved {
        let folder: TemporaryFolder
        let log: LMDBEventLog
        let file: String

        init(commands: Int = 300) async throws {
            folder = try TemporaryFolder("raw")
            let clock = FixedClock()
            log = try LMDBEventLog.create(at: LogFolders(data: folder.path), clock: clock, timeZone: "Asia/Seoul")
            for number in 0..<commands {
                clock.advance(by: 1_000_000)
                let key = number % 7 == 0 ? "key-\(number)" : nil
                _ = try await log.append(.test("s-\(number % 5)", [#"{"n":\#(number)}"#, #"{"m":1}"#], key: key))
            }
            _ = try log.giveOutTreeHead()
            try DurableFile.makeDirectory(folder.path("blobs"))
            let name = try FileDigest.of(folder.path("log/data.mdb")).sha256
            try FileManager.default.copyItem(atPath: folder.path("log/data.mdb"), toPath: folder.path("blobs/\(name)"))
            file = folder.path("log.raw")
            let log = log
            let (blobs, file) = (folder.path("blobs"), file)
            _ = try await onThread { try RawLog.export(log, from: 0, blobs: blobs, to: file) }
        }

        /// Writes the export again with one frame changed, and a digest that fits.
        func rewritten(_ other: String? = nil, _ change: (RawFrame) throws -> RawFrame) throws -> String {
            var reader = try RawReader(other ?? file)
            var bytes = RawFrame.mark
            try reader.begin()
            while let frame = try reader.next() {
                if case .end = frame { try RawFrame.digest(Array(SHA256.hash(data: bytes))).append(to: &bytes) }
                try change(frame).append(to: &bytes)
            }
            let path = folder.path("rewritten.raw")
            try DurableFile.write(bytes, to: path)
            return path
        }

        func take(_ file: String, pinned: [VerifierKey]? = nil, as name: String = "new") throws -> RawLog.Report {
            try? FileManager.default.removeItem(atPath: folder.path(name))
            return try RawLog.importLog(
                from: file,
                into: folder.path("\(name)/log"),
                blobs: folder.path("\(name)/blobs"),
                pinned: pinned
            )
        }
    }

    @Test("Positions, bytes, indexes, tiles, kept heads, remembered commands and documents are the same; it can go on")
    func same() async throws {
        let moved = try await Moved()
        let key = try #require(VerifierKey(text: moved.log.identity.verifierKey))
        let report = try await onThread { try moved.take(moved.file, pinned: [key]) }
        let size = try moved.log.head().size
        #expect(report.records == size && report.blobs == 1)
        try FileManager.default.copyItem(atPath: moved.folder.path("keys"), toPath: moved.folder.path("new/keys"))
        let copy = try LMDBEventLog.open(
            at: LogFolders(data: moved.folder.path("new")),
            clock: FixedClock(wall: 1_757_900_000_000_000)
        )
        #expect(try copy.head() == moved.log.head() && copy.identity == moved.log.identity)
        let (theirs, ours) = (try copy.allEvents(), try moved.log.allEvents())
        #expect(theirs.map { Array($0.record) } == ours.map { Array($0.record) })
        for name in ["s-0", "s-4", "log"] {
            let stream = try #require(StreamName(name))
            #expect(try copy.events(in: stream).map(\.position) == moved.log.events(in: stream).map(\.position))
        }
        for tile in 0...(size - 1) / 256 {
            let width = Int(min(256, size - tile * 256))
            #expect(
                try copy.tile(level: 0, index: tile, width: width)
                    == moved.log.tile(level: 0, index: tile, width: width)
            )
        }
        #expect(try copy.treeHeads().map(\.note) == moved.log.treeHeads().map(\.note))
        #expect(try await onThread { try LogVerification.verify(copy).root } == moved.log.head().root)
        let again = try await copy.append(.test("s-0", [#"{"n":0}"#, #"{"m":1}"#], key: "key-0"))
        #expect(again.isRepeat)
        #expect(try await copy.append(.test("s-0")).first == size + 1, "after log.boot_seen of the new machine")
        await copy.close()
        await moved.log.close()
    }

    /// Redacts the words of a record; returns its replacement.
    private static func redact(_ record: RecordedEvent, in log: LMDBEventLog) async throws -> [UInt8] {
        let replacement = try RedactedRecord.bytes(replacing: record, fields: ["reason", "title"], mark: "[redacted]")
        let said: JSONValue = [
            "basis": "b", "fields": "reason,title", "redacted_position": .integer(Int(record.position)),
            "replacement_sha256": .string(SHA256.hash(data: replacement).map { String(format: "%02x", $0) }.joined()),
        ]
        let announced = ProposedEvent(
            stream: try #require(StreamName("redaction")),
            type: "record.redacted",
            data: try said.canonicalBytes()
        )
        _ = try await log.redact(
            AppendRequest(actor: .system, metadata: EventMetadata(auth: "local-uid/cli"), events: [announced]),
            replacements: [replacement]
        )
        return replacement
    }

    @Test(
        "Redacted records come with their original leaves, their replacements and their proofs; a bent one is refused"
    )
    func redacted() async throws {
        let moved = try await Moved(commands: 30)
        let log = moved.log
        let stream = try #require(StreamName("s-9"))
        let secret = try await log.append(
            AppendRequest(
                actor: .system,
                metadata: EventMetadata(auth: "local-uid/cli", reason: "marker-in-reason"),
                events: [
                    ProposedEvent(
                        stream: stream,
                        type: "task.opened",
                        data: Array(#"{"title":"marker-in-title"}"#.utf8),
                        holdsFreeText: true
                    )
                ]
            )
        ).first
        let original = try log.record(at: secret)
        let before = try log.giveOutTreeHead()
        let replacement = try await Self.redact(original, in: log)
        let file = moved.folder.path("redacted.raw")
        _ = try await onThread { try RawLog.export(log, from: 0, blobs: moved.folder.path("none"), to: file) }
        #expect(try Data(contentsOf: URL(filePath: file)).range(of: Data("marker-in-".utf8)) == nil)
        _ = try await onThread { try moved.take(file, as: "redacted") }
        let copy = try LMDBEventLog.open(
            at: LogFolders(data: moved.folder.path("redacted")),
            clock: FixedClock(wall: 1_757_900_000_000_000)
        )
        let arrived = try copy.record(at: secret)
        #expect(arrived.isRedacted && Array(arrived.record) == replacement && arrived.position == secret)
        #expect(try copy.leaf(at: secret) == MerkleFrontier.leaf(of: original.record), "the original's leaf")
        // What was proven before the redaction still is.
        #expect(try copy.root(size: before.head.size) == before.head.root && copy.head() == log.head())
        let report = try await onThread { try LogVerification.verify(copy) }
        #expect(try report.redacted == [secret] && report.events == log.head().size)
        await copy.close()
        await log.close()
        // The control: another replacement, or another leaf, in a file whose digest fits.
        for part in [0, 1] {
            let bent = try moved.rewritten(file) { frame in
                guard case .redacted(var leaf, var record) = frame else { return frame }
                if part == 0 {
                    leaf[3] ^= 1
                } else {
                    record = record.map { $0 == UInt8(ascii: "[") ? UInt8(ascii: "(") : $0 }
                }
                return .redacted(leaf: leaf, record: record)
            }
            #expect(throws: (any Error).self, "part \(part)") {
                _ = try moved.take(bent, as: "bent")
                let log = try StagedLog.open(data: moved.folder.path("bent"))
                _ = try withExtendedLifetime(log) { try LogVerification.verify(log) }
            }
        }
    }

    @Test("An export with any part cut, doubled or changed is refused; the whole one is not")
    func damaged() async throws {
        let moved = try await Moved(commands: 20)
        await moved.log.close()
        let whole = try DurableFile.read(moved.file)
        let cut = moved.folder.path("cut.raw")
        var random = SeededGenerator(for: "raw log")
        #expect(throws: Never.self) { try moved.take(moved.file) }
        for _ in 0..<60 {
            var bytes = whole
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes = Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random)))
            case 1: bytes += bytes.suffix(Int.random(in: 1...200, using: &random))
            default:
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^=
                    1 << UInt8.random(in: 0..<8, using: &random)
            }
            try DurableFile.write(bytes, to: cut)
            #expect(throws: (any Error).self, "seed \(random.seed)") { try moved.take(cut) }
        }
    }

    @Test("A kept head that was not signed so, and a header of another log, are refused though the digest fits")
    func altered() async throws {
        let moved = try await Moved(commands: 150)
        await moved.log.close()
        #expect(throws: Never.self) { try moved.take(try moved.rewritten { $0 }) }
        var changed = 0
        let bent = try moved.rewritten { frame in
            guard case .treeHead(let kept) = frame, changed == 0 else { return frame }
            changed += 1
            let signed = kept.signatures[0]
            let bytes = signed.bytes.enumerated().map { $0.offset == 7 ? $0.element ^ 1 : $0.element }
            let bent = SignedTreeHead.Signature(name: signed.name, keyID: signed.keyID, bytes: bytes)
            return .treeHead(SignedTreeHead(kept.head, signatures: [bent]))
        }
        let refused = #expect(throws: EventStoreError.self) { try moved.take(bent) }
        #expect(
            changed == 1 && refused?.message.contains("not signed by the key in force") == true,
            "\(refused as Any)"
        )
        for part in [0, 1] {
            let foreign = try moved.rewritten { frame in
                guard case .header(var header) = frame else { return frame }
                if part == 0 { header.origin += ".1" } else { header.verifierKey += "x" }
                return .header(header)
            }
            #expect(throws: BackupFault.self) { try moved.take(foreign) }
        }
    }

    @Test("Another key than the one pinned is refused, and so is an export that does not begin at 0")
    func foreign() async throws {
        let (moved, other) = (try await Moved(commands: 3), try await Moved(commands: 3))
        let key = try #require(VerifierKey(text: other.log.identity.verifierKey))
        let error = #expect(throws: BackupFault.self) { try moved.take(moved.file, pinned: [key]) }
        #expect(error?.code == .foreign)
        let part = moved.folder.path("part.raw")
        _ = try await onThread { try RawLog.export(moved.log, from: 2, blobs: moved.folder.path("none"), to: part) }
        #expect(throws: BackupFault.self) { try moved.take(part) }
        await moved.log.close()
        await other.log.close()
    }
}

/// Runs blocking work on a thread of its own.
func onThread<Value: Sendable>(_ body: @Sendable @escaping () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result(catching: body)) }.start()
    }
}
