import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// Folders and files that are not what they should be, at registration and at activation.
@Suite("Bad model folders")
struct ModelFolderTests {
    /// One way to spoil a folder, and what the message must name.
    struct Spoiling: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var exit: Int32 = 65
        var names: [String] = []
        let spoil: @Sendable (String) throws -> Void

        init(
            _ words: String,
            exit: Int32 = 65,
            names: [String] = [],
            _ spoil: @Sendable @escaping (String) throws -> Void
        ) {
            (testDescription, self.exit, self.names, self.spoil) = (words, exit, names, spoil)
        }
    }

    private static let index = "hnsw_index.bin"

    static let atRegistration = [
        Spoiling("no encoder", names: ["encoder"]) { try remove("\($0)/encoder.json") },
        Spoiling("no index", names: ["index"]) { try remove("\($0)/\(index)") },
        Spoiling("two encoders", names: ["encoder"]) { try write("x", "\($0)/encoder.joblib") },
        Spoiling("a linked artefact", names: [index]) { folder in
            try FileManager.default.moveItem(atPath: "\(folder)/\(index)", toPath: "\(folder)-index")
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/\(index)",
                withDestinationPath: "\(folder)-index"
            )
        },
        Spoiling("an artefact with a second hard link", names: [index]) {
            try FileManager.default.linkItem(atPath: "\($0)/\(index)", toPath: "\($0)-second")
        },
        Spoiling("a folder inside", names: ["inner"]) {
            try FileManager.default.createDirectory(atPath: "\($0)/inner", withIntermediateDirectories: false)
        },
        Spoiling("a pipe inside", names: ["pipe"]) { #expect(mkfifo("\($0)/pipe.json", 0o600) == 0) },
        Spoiling("an unfinished file", exit: 75, names: ["weights.tmp"]) { try write("x", "\($0)/weights.tmp") },
        Spoiling("a file name with a control character") { try write("x", "\($0)/a\u{1b}[31m.json") },
        Spoiling("a file name with Unicode dots") { try write("x", "\($0)/\u{2025}a.json") },
        Spoiling("a hidden file") { try write("x", "\($0)/.hidden") },
        Spoiling("a long file name") { try write("x", "\($0)/\(String(repeating: "n", count: 120)).json") },
        Spoiling("metadata that is not JSON", names: ["training_metadata.json"]) {
            try write("{", "\($0)/training_metadata.json")
        },
        Spoiling("an index cut short", names: [index]) {
            let bytes = try Data(contentsOf: URL(filePath: "\($0)/\(index)"))
            try bytes.prefix(bytes.count / 2).write(to: URL(filePath: "\($0)/\(index)"))
        },
    ]

    @Test("A folder that is not sound is refused at registration", arguments: atRegistration)
    func registration(_ spoiling: Spoiling) async throws {
        let home = try await TestHome.make()
        let folder = try Sample.copy(Sample.versions[0], into: home.folder.path("given"))
        try spoiling.spoil(folder)
        try Sample.age(folder)
        let before = try Tree.read(folder)
        try await home.refuses(["model", "register", folder], exit: spoiling.exit, naming: spoiling.names)
        #expect(try Tree.read(folder) == before, "the source folder is untouched")
    }

    @Test("A folder changed seconds ago is still being written")
    func fresh() async throws {
        let home = try await TestHome.make()
        let folder = try Sample.copy(Sample.versions[0], into: home.folder.path("given"))
        let notes = "\(folder)/notes.json"
        try Self.write("begun", notes)
        let said = try await onThread {
            let register = ["model", "register", folder, "--version", "2026.01.12_1", "--home", home.path]
            let child = try Child(["\(Program.folder)/daybook"] + register, environment: Program.environment())
            // Somebody goes on writing for as long as the command takes, on however busy a machine.
            repeat {
                try FileManager.default.setAttributes([.modificationDate: Date.now], ofItemAtPath: notes)
            } while !child.isGone(within: 500)
            return child.result()
        }
        #expect(said.exit == 75 && said.errors.contains("still being written"), "\(said)")
    }

    @Test("Paths that are no folder are refused")
    func paths() async throws {
        let home = try await TestHome.make()
        let file = home.folder.path("file")
        try Self.write("x", file)
        let folder = try Sample.copy(Sample.versions[0], into: home.folder.path("given"))
        let link = home.folder.path("2026.01.12_1")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder)
        for path in [home.folder.path("none"), file, link] {
            try await home.refuses(["model", "register", path], exit: 65, naming: [])
        }
        try await home.refuses(["model", "register", folder, "--role", "x=y"], exit: 64, naming: ["file=role"])
        try await home.refuses(
            ["model", "register", folder, "--role", "none.bin=index"],
            exit: 65,
            naming: ["none.bin"]
        )
        try await home.refuses(["model", "register", folder, "--role", "../../x=index"], exit: 65, naming: [])
    }

    static let atActivation = [
        Spoiling("a missing artefact", names: ["encoder.json"]) { try remove("\($0)/encoder.json") },
        Spoiling("an extra artefact", names: ["extra.json"]) { try write("{}", "\($0)/extra.json") },
        Spoiling("an altered artefact", names: [index]) { try flip("\($0)/\(index)") },
        Spoiling("an altered manifest", names: ["manifest"]) { try flip("\($0)/manifest.json") },
        Spoiling("a missing manifest", names: ["manifest"]) { try remove("\($0)/manifest.json") },
        Spoiling("a longer artefact", names: ["item_ids.json"]) { folder in
            let handle = try #require(FileHandle(forWritingAtPath: "\(folder)/item_ids.json"))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(" ".utf8))
        },
        Spoiling("a linked artefact", names: [index]) { folder in
            try FileManager.default.moveItem(atPath: "\(folder)/\(index)", toPath: "\(folder)-index")
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/\(index)",
                withDestinationPath: "\(folder)-index"
            )
        },
        Spoiling("a linked folder") { folder in
            try FileManager.default.moveItem(atPath: folder, toPath: "\(folder)-elsewhere")
            try FileManager.default.createSymbolicLink(atPath: folder, withDestinationPath: "\(folder)-elsewhere")
        },
        Spoiling("no folder at all") { try remove($0) },
    ]

    @Test("A version whose files are not as registered does not become active", arguments: atActivation)
    func activation(_ spoiling: Spoiling) async throws {
        let home = try await TestHome.withActiveModels()
        let spoilt = Sample.versions[0]
        try spoiling.spoil("\(home.path)/models/\(spoilt)")
        try await home.refuses(
            ["model", "activate", spoilt, "--reason", "x"],
            exit: 65,
            naming: [spoilt] + spoiling.names
        )
        let back = try await home.run(["model", "rollback", "--reason", "x", "--yes"])
        #expect(back.exit == 65, "\(back)")
        #expect(try await home.active() == Sample.versions[1])
        let verified = try await home.run(["verify"])
        #expect(verified.exit == 65 && verified.errors.contains(spoilt), "\(verified)")
    }

    @Test("An artefact that may not be read is refused with 77 at registration, and never becomes active")
    func unreadable() async throws {
        guard getuid() == 0 else {
            return Skipped.line("unreadable artefacts", because: "only root can drop to another user")
        }
        let other = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        let folder = try TemporaryFolder("daybook-e2e")
        #expect(chmod(folder.path, 0o777) == 0)
        let home = folder.path("plant")
        let program = "\(Program.folder)/daybook"
        func run(_ words: [String]) async throws -> Outcome {
            try await Program.run(words, environment: ["DAYBOOK_HOME": home], through: other, program: program)
        }
        let made = try await run(["init"])
        guard made.exit == 0 else {
            return Skipped.line("unreadable artefacts", because: "another user may not run \(program): \(made)")
        }
        let given = try Sample.copy(Sample.versions[0], into: folder.path("given"))
        #expect(chmod("\(given)/hnsw_index.bin", 0) == 0)
        let refused = try await run(["model", "register", given])
        #expect(refused.exit == 77 && refused.errors.contains("hnsw_index.bin"), "\(refused)")
        #expect(chmod("\(given)/hnsw_index.bin", 0o644) == 0)
        let registered = try await run(["model", "register", given])
        #expect(registered.exit == 0, "\(registered)")
        #expect(chmod("\(home)/models/\(Sample.versions[0])/hnsw_index.bin", 0) == 0)
        let activated = try await run(["model", "activate", Sample.versions[0], "--reason", "x"])
        #expect(activated.exit != 0 && activated.errors.contains("hnsw_index.bin"), "\(activated)")
        let listed = try await run(["model", "list", "--json"])
        #expect(!listed.output.contains("\"active_flag\": 1"), "\(listed)")
    }

    private static func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }

    private static func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
    }

    private static func flip(_ path: String) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[bytes.count / 2] ^= 1
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.write(contentsOf: bytes)
    }
}
