import EventStoreTesting
import Foundation
import Testing

@Suite("The log's key and its tree heads, through the program")
struct KeyTests {
    @Test("Without its key a home is read, says so, and refuses to write")
    func missingKey() async throws {
        let home = try await TestHome.make()
        let key = "\(home.path)/data/keys/log.key"
        let bytes = try Data(contentsOf: URL(filePath: key))
        try FileManager.default.removeItem(atPath: key)
        let status = try await home.run(["status"])
        #expect(status.exit == 75 && status.output.contains("keys/log.key is missing"))
        try await home.succeed(["model", "list"])
        let change = ["config", "patch", "runtime", #"{"ef_search":99}"#, "--reason", "x"]
        let refused = try await home.run(change)
        #expect(refused.exit == 78 && refused.errors.contains("keys rotate --lost"))
        try bytes.write(to: URL(filePath: key))
        try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: key)
        let open = try await home.run(change)
        #expect(open.exit == 78 && open.errors.contains("others may read"))
        // Control: the key in its place, with its mode.
        try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: key)
        try await home.succeed(change)
        #expect(try await home.run(["status"]).exit == 0)
    }

    @Test("A home whose log was put back to an older state is refused by every command, and nothing is changed")
    func olderLog() async throws {
        let home = try await TestHome.make()
        let data = URL(filePath: "\(home.path)/data/log/data.mdb")
        let old = try Data(contentsOf: data)
        try await home.succeed(["config", "patch", "runtime", #"{"ef_search":99}"#, "--reason", "x"])
        let new = try Data(contentsOf: data)
        try old.write(to: data)
        for words in [["status"], ["events", "tail"], ["model", "list"], ["task", "open", "t"]] {
            let refused = try await home.run(words)
            #expect(refused.exit == (words == ["status"] ? 69 : 65), "\(words): \(refused.errors)")
            #expect(refused.errors.contains("older than the tree head of size"), "\(words)")
            #expect(refused.errors.contains("--accept-rollback"))
        }
        #expect(try Data(contentsOf: data) == old)
        // Control: the log that signed its heads.
        try new.write(to: data)
        try await home.succeed(["status"])
    }
}
