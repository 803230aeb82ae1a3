import DurableFiles
import EventStoreTesting
import Foundation
import Testing

@testable import Backups

@Suite("The file of a backup")
struct BackupArchiveTests {
    private static let facts = BackupFacts(
        program: "0.2.0",
        createdAt: "2026-03-06T00:00:00.000000Z",
        install: "i",
        origin: "daybook.i/log",
        verifierKey: "k",
        logSize: 3,
        root: "ab",
        treeHead: nil
    )

    private func archive() throws -> (TemporaryFolder, String, BackupArchive.Report) {
        let folder = try TemporaryFolder("backup")
        try DurableFile.makeDirectory(folder.path("models/2026.01.12_1"))
        try DurableFile.write([1, 2, 3], to: folder.path("models/2026.01.12_1/encoder.json"))
        try DurableFile.write([UInt8](repeating: 7, count: 3000), to: folder.path("models/2026.01.12_1/index.bin"))
        try DurableFile.write([9], to: folder.path("models/.hidden"))
        let sources = try BackupArchive.Source.all(beneath: folder.path("models"), as: "home/models", mode: 0o644)
        let path = folder.path("b.tar")
        return (folder, path, try BackupArchive.write(sources, Self.facts, to: path))
    }

    @Test("What was written is read and unpacked the same; equal files give equal backups")
    func roundTrip() throws {
        let (folder, path, report) = try archive()
        #expect(
            report.manifest.files.map(\.path) == [
                "home/models/2026.01.12_1/encoder.json", "home/models/2026.01.12_1/index.bin",
            ]
        )
        try DurableFile.makeDirectory(folder.path("new"))
        #expect(try BackupArchive.read(path, unpackingInto: folder.path("new")) == report)
        #expect(try DurableFile.read(folder.path("new/models/2026.01.12_1/encoder.json")) == [1, 2, 3])
        let (_, _, again) = try archive()
        #expect(again.sha256 == report.sha256)
    }

    @Test("A file that no backup has is refused by its name, and modes are the place's own")
    func strangeFiles() throws {
        let folder = try TemporaryFolder("backup")
        try DurableFile.write([1, 2, 3], to: folder.path("bytes"))
        func read(_ paths: [String], into name: String) throws -> BackupArchive.Report {
            let sources = paths.map { BackupArchive.Source(path: $0, file: folder.path("bytes"), mode: 0o777) }
            let path = folder.path("\(name).tar")
            defer { try? FileManager.default.removeItem(atPath: path) }
            _ = try BackupArchive.write(sources, Self.facts, to: path)
            try DurableFile.makeDirectory(folder.path(name))
            return try BackupArchive.read(path, unpackingInto: folder.path(name))
        }
        let strange = [
            "home/data/keys/log.key", "home/data/tree-heads/2026-03-06.notes", "home/data/restored.json", "home/x",
            "home/data/log/lock.mdb", "home/data/log.lock", "home/data/witness/witness.key", "home/config/other.yaml",
            "home/data/blobs/a/b", "home/models/.hidden/x", "home/data/registry.db", "home/bin/daybook", "elsewhere",
            "home/data/state.db/x", "home/docs/x", "tree-heads",
        ]
        for (number, path) in strange.enumerated() {
            let fault = #expect(throws: BackupFault.self, "\(path)") { try read([path], into: "strange-\(number)") }
            #expect(fault?.code == .damaged && fault?.message.contains(path) == true, "\(fault as Any)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("strange-\(number)")).isEmpty)
        }
        let known: [String: Int] = [
            "home/data/log/data.mdb": 0o600, "home/data/state.db": 0o600, "home/data/blobs/ab": 0o600,
            "home/data/receipts/n/r.json": 0o600, "home/config/daybook.yaml": 0o644,
            "home/models/m/encoder.json": 0o644,
        ]
        // The control: what a backup has is unpacked, the copy of the tree heads aside.
        _ = try read(known.keys.sorted() + ["tree-heads/2026-03-06.notes"], into: "known")
        for (path, mode) in known {
            let place = folder.path("known/\(path.dropFirst("home/".count))")
            let found = try FileManager.default.attributesOfItem(atPath: place)[.posixPermissions]
            #expect(found as? Int == mode, "\(path)")
        }
        #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.path("known")).count == 6 + 8)
    }

    @Test("A backup with any bit changed or cut anywhere is refused")
    func flips() throws {
        let (folder, path, _) = try archive()
        let whole = try DurableFile.read(path)
        let altered = folder.path("altered.tar")
        var random = SeededGenerator(for: "backup flips")
        for index in 0..<400 {
            var bytes = whole
            if index % 4 == 0 {
                bytes = Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random)))
            } else {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            try DurableFile.write(bytes, to: altered)
            let said = try? BackupArchive.read(altered)
            // A mode or a time in a header is under the header's own sum; whatever passes must be the same files.
            #expect(said == nil, "seed \(random.seed): a change passed")
        }
        #expect(throws: Never.self) { try BackupArchive.read(path) }
    }
}
