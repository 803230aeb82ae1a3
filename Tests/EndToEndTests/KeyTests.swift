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

    @Test(
        "A foreign log without tree heads beside it is known by the key: verify says that the key files hold another one"
    )
    func foreignLog() async throws {
        let (home, other) = (try await TestHome.make(), try await TestHome.make())
        let (data, key) = ("\(home.path)/data/log/data.mdb", "\(home.path)/data/keys/log.key")
        try FileManager.default.removeItem(atPath: "\(home.path)/data/tree-heads")
        try await home.succeed(["verify", "--log-only"])
        try FileManager.default.removeItem(atPath: data)
        try FileManager.default.copyItem(atPath: "\(other.path)/data/log/data.mdb", toPath: data)
        for words in [["verify", "--log-only"], ["verify"]] {
            let said = try await home.run(words)
            #expect(said.exit == 65, "\(words): \(said)")
            #expect(said.errors.contains("the log's verifier key is not the one this home's key files hold"), "\(said)")
        }
        // Reading needs no key: where none is, as in a home that was just restored, nothing contradicts.
        try FileManager.default.removeItem(atPath: key)
        try await home.succeed(["verify", "--log-only"])
        try FileManager.default.copyItem(atPath: "\(other.path)/data/keys/log.key", toPath: key)
        try await home.succeed(["verify", "--log-only"])
    }
}
