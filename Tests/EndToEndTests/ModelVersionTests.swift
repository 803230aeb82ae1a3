import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Versions signed, imported, and told who can answer with them.
@Suite("Model versions with the program")
struct ModelVersionTests {
    @Test(
        "A version's signature is checked with each look at it, by every key the log ever had; false or gone it is named"
    )
    func signature() async throws {
        let home = try await TestHome.withActiveModels()
        let version = Sample.versions[0]
        let first = try await home.json(["model", "verify", version])
        #expect(first["signed"] == true && first["signed_by"]?.text?.hasPrefix("daybook.") == true)
        try await home.succeed(["keys", "rotate", "--reason", "each year"])
        #expect(try await home.json(["model", "verify", version])["signed_by"] == first["signed_by"])
        let path = "\(home.path)/models/\(version)/manifest.dsse.json"
        let good = try #require(FileManager.default.contents(atPath: path))
        let other = "\(home.path)/models/\(Sample.versions[1])/manifest.dsse.json"
        try #require(FileManager.default.contents(atPath: other)).write(to: URL(filePath: path))
        try await home.refuses(["model", "verify", version], exit: 65, naming: ["manifest.dsse.json is forged"])
        try FileManager.default.removeItem(atPath: path)
        try await home.refuses(["model", "verify", version], exit: 65, naming: ["manifest.dsse.json is missing"])
        try good.write(to: URL(filePath: path))
        try await home.succeed(["model", "verify", version])
        let key = try #require(first["signed_by"]?.text)
        let check = ["model", "verify-attestation", path, "--key", key, "--dir", "\(home.path)/models/\(version)"]
        try await home.succeed(check)
    }

    @Test("A version of a Python plant is imported with its recorded answers proved; another's answers leave nothing")
    func imported() async throws {
        guard let data = ProcessInfo.processInfo.environment["DAYBOOK_TEST_DATA"] else {
            print("skipped: importing a Python plant's version: DAYBOOK_TEST_DATA is not set")
            return
        }
        let home = try await TestHome.make()
        let (legacy, own) = ("2025.09.15_1", "2025.10.01_1")
        try await home.succeed(["model", "register", "\(data)/legacy-models/\(legacy)"])
        let shown = try await home.json(["model", "show", legacy])
        #expect(shown["servable"] == "imported" && shown["servable_reason"]?.text?.contains("29 numbers") == true)
        let before = try await home.json(["model", "list"])
        let wrong = ["--queries", "\(data)/legacy-models/2025.09.29_1.queries.json", "--version", own]
        try await home.refuses(["model", "import", legacy] + wrong, exit: 65, naming: ["query 0 (BL-SUS-00000)"])
        #expect(try await home.json(["model", "list"]) == before, "nothing was registered")
        #expect(!FileManager.default.fileExists(atPath: "\(home.path)/models/\(own)"))
        #expect(!FileManager.default.fileExists(atPath: "\(home.path)/data/importing"))
        let right = [
            "--queries", "\(data)/legacy-models/\(legacy).queries.json", "--source", "\(data)/access/gen_demo.accdb",
        ]
        let made = try await home.json(["model", "import", legacy, "--version", own] + right)
        #expect(made["proof"] == ["neighbours": 200, "vectors": 200], "\(made)")
        let index = try [legacy, own].map {
            try Data(contentsOf: URL(filePath: "\(home.path)/models/\($0)/hnsw_index.bin"))
        }
        #expect(index[0] == index[1], "byte by byte")
        let examined = try await home.json(["model", "examine", own])
        #expect(examined["servable"] == "native" && examined["loads"] == true, "\(examined)")
        try await home.succeed(["model", "verify", own])
        try await home.succeed(["model", "activate", own, "--reason", "alike parts"])
        try await home.refuses(["ask", "BL-SUS-00000"], exit: 69, naming: ["has no routings"])
        let unproved = try await home.json(["model", "import", legacy])
        #expect(unproved["proof"] == nil)
        try await home.refuses(["model", "import", own], exit: 69, naming: ["needs no import"])
    }
}
