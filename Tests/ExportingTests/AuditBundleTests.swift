import CanonicalJSON
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@testable import Exporting
@testable import Proofs

/// Bundles of logs that the program itself would take long to fill.
@Suite("Audit bundles of longer logs")
struct AuditBundleTests {
    struct Plant {
        let folder: TemporaryFolder
        let log: LMDBEventLog

        init() throws {
            folder = try TemporaryFolder("daybook-bundle")
            log = try LMDBEventLog.create(at: LogFolders(data: folder.path("data")), timeZone: "America/St_Johns")
        }

        func append(_ count: Int) async throws {
            for start in stride(from: 0, to: count, by: 400) {
                let events = try (start..<min(count, start + 400)).map { number in
                    ProposedEvent(
                        stream: StreamName(literal: "task-t1"),
                        type: "task.opened",
                        data: try JSONValue.object([
                            "task": .string("t\(number)"), "title": .string("-1+\(number) \"\u{1f4d6}\u{7f}\""),
                        ])
                        .canonicalBytes()
                    )
                }
                _ = try await log.append(
                    AppendRequest(actor: UUID(), metadata: EventMetadata(auth: "local-uid/cli"), events: events)
                )
            }
        }

        func bundle(_ range: ExtractRange, _ name: String = "\(UUID().uuidString).tar") throws -> (
            AuditBundleResult, String
        ) {
            let path = folder.path(name)
            let bundle = AuditBundle(of: log, home: folder.path, blobs: folder.path("blobs"), names: [:])
            return (try bundle.write(range, to: path), path)
        }

        /// What the verifier says of a bundle.
        func check(_ path: String, key: String) throws -> (exit: Int32, said: String) {
            let script = folder.path("verify_bundle.py")
            try Data(try BundleVerifier.script).write(to: URL(filePath: script))
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["python3", "-I", script, path, "--key", key]
            let pipe = Pipe()
            process.standardOutput = pipe
            process.standardError = pipe
            try process.run()
            let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return (process.terminationStatus, said)
        }
    }

    @Test("Bundles verify at sizes around the edges of tiles, whole and in part")
    func sizes() async throws {
        let plant = try Plant()
        let key = plant.log.identity.verifierKey
        var heads: [SignedTreeHead] = []
        for count in [1, 254 - 2, 1, 1, 255, 1, 2] {
            try await plant.append(count)
            let size = try plant.log.head().size
            let (whole, path) = try plant.bundle(ExtractRange(from: 0, to: size))
            #expect(whole.isWhole)
            let said = try plant.check(path, key: key)
            #expect(said.exit == 0, "\(size): \(said.said)")
            for held in heads {
                let range = ExtractRange(from: held.head.size, to: size, held: held)
                let part = try plant.check(try plant.bundle(range).1, key: key)
                #expect(
                    part.exit == 0 && part.said.contains("grown from  \(held.head.size) events"),
                    "\(size): \(part.said)"
                )
            }
            heads.append(whole.head)
        }
        let middle = try plant.check(try plant.bundle(ExtractRange(from: 200, to: 300)).1, key: key)
        #expect(middle.exit == 0 && middle.said.contains("records     100, from position 200"), "\(middle.said)")
        await plant.log.close()
    }

    @Test("A key that was handed over is followed from the one the auditor pinned; a lost one is not")
    func rotation() async throws {
        let plant = try Plant()
        let first = plant.log.identity.verifierKey
        try await plant.append(3)
        let person = EventMetadata(auth: "local-uid/cli", reason: "yearly change")
        _ = try await plant.log.rotateKey(lost: false, actor: UUID(), metadata: person)
        try await plant.append(300)
        let second = plant.log.identity.verifierKey
        let size = try plant.log.head().size
        for range in [ExtractRange(from: 0, to: size), ExtractRange(from: 290, to: size)] {
            let (_, path) = try plant.bundle(range)
            let old = try plant.check(path, key: first)
            #expect(old.exit == 0 && old.said.contains("rotated     the key you pinned handed over"), "\(old.said)")
            #expect(old.said.contains("signed by   \(second)"))
            let new = try plant.check(path, key: second)
            #expect(new.exit == 0 && !new.said.contains("rotated"), "\(new.said)")
        }
        try FileManager.default.removeItem(atPath: "\(plant.log.folders.keys)/log.key")
        _ = try await plant.log.rotateKey(lost: true, actor: UUID(), metadata: person)
        try await plant.append(2)
        let third = plant.log.identity.verifierKey
        let (_, path) = try plant.bundle(ExtractRange(from: 0, to: try plant.log.head().size))
        #expect(try plant.check(path, key: third).exit == 0)
        let lost = try plant.check(path, key: second)
        #expect(lost.exit == 65 && lost.said.contains("is not signed by that key"), "\(lost.said)")
        await plant.log.close()
    }

    @Test(
        "A redaction that stands before the position it names, or names position 0, is refused by the verifier",
        arguments: [(-1, true), (0, false), (1, false), (400, false), (nil, false)] as [(Int?, Bool)]
    )
    func misplacedRedactions(_ distance: Int?, _ isHeld: Bool) async throws {
        let plant = try Plant()
        try await plant.append(2)
        let position = Int(try plant.log.head().size)
        let payload: JSONValue = [
            "redacted_position": .integer(distance.map { position + $0 } ?? 0),
            "replacement_sha256": .string(String(repeating: "0", count: 64)),
        ]
        let redaction = ProposedEvent(
            stream: StreamName(literal: "redaction"),
            type: "record.redacted",
            data: try payload.canonicalBytes()
        )
        _ = try await plant.log.append(
            AppendRequest(actor: UUID(), metadata: EventMetadata(auth: "local-uid/cli"), events: [redaction])
        )
        try await plant.append(3)
        let (_, path) = try plant.bundle(ExtractRange(from: 0, to: try plant.log.head().size))
        let said = try plant.check(path, key: plant.log.identity.verifierKey)
        #expect(said.exit == (isHeld ? 0 : 65), "\(said.said)")
        #expect(isHeld || said.said.contains("position \(position) "), "\(said.said)")
        await plant.log.close()
    }

    @Test("The verifier knows the digests of the pages that this program writes, and is short enough to be read")
    func sealed() throws {
        let script = String(decoding: try BundleVerifier.script, as: UTF8.self)
        for page in [try BundlePages.readme, try BundlePages.report] {
            #expect(script.contains(AuditBundle.digest(of: page)), "run scripts/seal-bundle.py")
        }
        #expect(script.split(separator: "\n", omittingEmptySubsequences: false).count <= 300)
        let page = String(decoding: try BundlePages.report, as: UTF8.self)
        for forbidden in ["http://", "https://", "innerHTML", "eval(", "src="] { #expect(!page.contains(forbidden)) }
        #expect(page.ranges(of: BundleFolder.pageMark).count == 1)
    }

    @Test(
        "Tiles have the paths of C2SP",
        arguments: [(0, "000"), (67, "067"), (1_234_067, "x001/x234/067"), (1000, "x001/000")]
    )
    func paths(_ index: UInt64, _ path: String) {
        #expect(TilePath.of("0", index, width: 256) == "tile/0/\(path)")
        #expect(TilePath.of("entries", index, width: 3) == "tile/entries/\(path).p/3")
    }
}
