import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// What must never leave its file: private keys and passphrases.
@Suite("Secrets")
struct SecretTests {
    @Test(
        "No private key of a home, and no passphrase, stands outside its file, in any encoding, nor in what commands print"
    )
    func secrets() async throws {
        let home = try await TestHome.make()
        var printed = ""
        try await home.succeed(["person", "add", "Kim"])
        let (elsewhere, backup) = (try TemporaryFolder("daybook-passphrase"), home.folder.path("plant.keys"))
        let passphrases = ["canary words of the plant", "canary words of nobody here"]
        let given = try passphrases.enumerated().map { number, words in
            try Data("\(words)\n".utf8).write(to: URL(filePath: elsewhere.path("\(number)")))
            return ["--passphrase-file", elsewhere.path("\(number)")]
        }
        let paths: [[String]] = [
            ["keys", "backup", "--out", backup] + given[0], ["keys", "restore", backup] + given[0],
            ["keys", "restore", backup, "--json"] + given[1],
            // By mistake, where everybody can read it.
            ["keys", "backup", "--out", backup, "--passphrase", passphrases[0]],
            ["keys", "restore", backup, "--passphrase=\(passphrases[0])", "--json"],
            ["status"], ["doctor"], ["person", "list"], ["events", "tail", "--from", "0", "--json"], ["verify"],
            ["task", "open", "t", "--id", "t1", "--reason", "r"],
            ["person", "erase", "Kim", "--basis", "b", "--reason", "r"],
            ["redact", "99999", "--basis", "b", "--reason", "r"], ["status", "--as", "nobody"],
            ["events", "export", "--format", "jsonl", "--out", home.folder.path("e.jsonl")],
            ["logbook", "export", "--format", "html", "--out", home.folder.path("l.html")],
        ]
        for words in paths {
            let said = try await home.run(words)
            printed += said.output + said.errors
        }
        #expect(FileManager.default.fileExists(atPath: backup) && printed.contains("does not open"), "\(printed)")
        var secrets = passphrases.map { Array($0.utf8) }
        for (name, bytes) in try ByteSearch.files(in: "\(home.path)/data/keys") {
            let text = String(decoding: bytes, as: UTF8.self).dropLast()
            let parts = text.split(separator: "+", maxSplits: text.hasPrefix("PEOPLE") ? 3 : 4)
            let encoded = try #require(parts.last.map(String.init))
            let secret = try #require(Data(base64Encoded: encoded), "\(name)")
            secrets.append(Array(secret.suffix(32)))
        }
        #expect(secrets.count >= 4)
        func hits() throws -> [String] {
            var files = try ByteSearch.files(in: home.folder.path) { !$0.contains("/data/keys/") }
            files["printed"] = Data(printed.utf8)
            return secrets.flatMap { ByteSearch.forms(of: $0) }.flatMap { form in
                files.filter { !ByteSearch.offsets(of: form, in: $0.value).isEmpty }.map(\.key)
            }
        }
        let found = try hits()
        #expect(found.isEmpty, "\(found)")
        for (number, secret) in [passphrases[0], Data(try #require(secrets.last)).base64EncodedString()].enumerated() {
            let before = try hits().count
            try await home.succeed(["task", "open", secret, "--id", "t\(2 + number)", "--reason", "the control"])
            let after = try hits()
            #expect(after.count > before && after.contains { $0.hasSuffix("data.mdb") }, "the control: it is found")
        }
    }
}
