import DurableFiles
import EventStoreTesting
import Foundation
import Testing

@testable import Backups

@Suite("Keys under a passphrase")
struct SealedKeysTests {
    private static let cost = SealedKeys.Cost(memory: 64, passes: 1)
    private static let passphrase = Array("five words of the plant".utf8)

    private func folder() throws -> (TemporaryFolder, SealedKeys) {
        let folder = try TemporaryFolder("keys")
        try DurableFile.create(Array("PRIVATE+KEY+x\n".utf8), at: folder.path("log.key"), mode: 0o400)
        try DurableFile.makeDirectory(folder.path("people"), mode: 0o700)
        try DurableFile.create([1, 2, 3], at: folder.path("people/2.key"), mode: 0o400)
        return (folder, try SealedKeys(folder: folder.path, origin: "daybook.x/log"))
    }

    @Test("What was sealed is restored with mode 0400, and restoring again changes nothing")
    func roundTrip() throws {
        let (_, keys) = try folder()
        let text = try keys.text(passphrase: Self.passphrase, cost: Self.cost)
        #expect(!text.contains("PRIVATE"))
        let opened = try SealedKeys(text: text, name: "k", passphrase: Self.passphrase)
        #expect(opened.files == keys.files && opened.origin == "daybook.x/log")
        let target = try TemporaryFolder("keys")
        #expect(try opened.restore(into: target.path, naming: "none").written == ["log.key", "people/2.key"])
        #expect(try opened.restore(into: target.path, naming: "none").written.isEmpty)
        for file in keys.files {
            #expect(try DurableFile.read(target.path(file.path)) == file.bytes)
            let mode = try FileManager.default.attributesOfItem(atPath: target.path(file.path))[.posixPermissions]
            #expect(mode as? Int == 0o400)
        }
    }

    @Test("A key of erased names is left out")
    func leavesOutErased() throws {
        let (_, keys) = try folder()
        let target = try TemporaryFolder("keys")
        let restored = try keys.restore(into: target.path, naming: "none", erased: ["people/2.key"])
        #expect(restored.erased == ["people/2.key"] && restored.written == ["log.key"])
        #expect(!FileManager.default.fileExists(atPath: target.path("people")))
    }

    @Test("A wrong passphrase, and a file with any one character changed, are refused")
    func refusesAlteredFiles() throws {
        let (_, keys) = try folder()
        let text = try keys.text(passphrase: Self.passphrase, cost: Self.cost)
        #expect(throws: BackupFault.self) {
            try SealedKeys(text: text, name: "k", passphrase: Array("another passphrase".utf8))
        }
        #expect(throws: Never.self) { try SealedKeys(text: text, name: "k", passphrase: Self.passphrase) }
        let bytes = Array(text.utf8)
        for index in bytes.indices {
            var altered = bytes
            altered[index] ^= 1
            #expect(throws: BackupFault.self, "character \(index)") {
                try SealedKeys(
                    text: String(decoding: altered, as: UTF8.self),
                    name: "k",
                    passphrase: Self.passphrase
                )
            }
        }
    }

    @Test("A short passphrase is refused; another key in the place is left alone and named, and the rest is written")
    func refusesToOverwrite() throws {
        let (_, keys) = try folder()
        #expect(throws: BackupFault.self) { try keys.text(passphrase: Array("short".utf8), cost: Self.cost) }
        let target = try TemporaryFolder("keys")
        try DurableFile.makeDirectory(target.path("people"))
        try DurableFile.create([9], at: target.path("people/2.key"))
        let restored = try keys.restore(into: target.path, naming: "none")
        #expect(restored.inTheWay == ["people/2.key"] && restored.written == ["log.key"])
        #expect(try DurableFile.read(target.path("people/2.key")) == [9])
    }
}
