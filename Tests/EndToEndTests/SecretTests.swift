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
    @Test("A password in the words of a source is refused by every door, and is in no file of the home")
    func sourcePasswords() async throws {
        let home = try await TestHome.make()
        let secret = "canary-of-the-source"
        func refuse(_ location: String) async throws {
            let patch: JSONValue = ["source.location": .string(location)]
            let words = ["config", "patch", "trainer", try patch.canonicalText(), "--reason", "r"]
            for refused in [["train", "--source", location], words, words + ["--request-approval"]] {
                let said = try await home.run(refused)
                #expect(said.exit != 0 && said.errors.contains("DAYBOOK_SOURCE_PASSWORD"), "\(said)")
                #expect(!(said.output + said.errors).contains(secret), "\(said)")
            }
        }
        let locations = ["app@127.0.0.1:1/p?password=\(secret)", "app:\(secret)@127.0.0.1:1/p"].map {
            "postgresql://\($0)"
        }
        for location in locations { try await refuse(location) }
        // With a server the same words go over HTTP.
        let served = try await ServedHome.start(home)
        for location in locations { try await refuse(location) }
        let control = #"{"source.location": "postgresql://app@127.0.0.1:1/p"}"#
        try await home.succeed(["config", "patch", "trainer", control, "--reason", "r"])
        #expect(try await served.stop().exit == 0)
        func hits() throws -> [String] {
            try ByteSearch.files(in: home.folder.path).filter { file in
                ByteSearch.forms(of: secret).contains { !ByteSearch.offsets(of: $0, in: file.value).isEmpty }
            }.map(\.key)
        }
        let found = try hits()
        #expect(found.isEmpty, "\(found)")
        try await home.succeed(["task", "open", secret, "--id", "t1", "--reason", "the control"])
        #expect(try hits().contains { $0.hasSuffix("data.mdb") }, "the control: it is found")
    }
}
