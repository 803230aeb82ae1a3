import DurableFiles
import Glibc
@testable import ModelFolders
import IndexFiles
import RoutingDomain
import Testing

@Suite("Scanning a model folder")
struct ScanTests {
    let temporary: TemporaryFolder
    let home: String

    init() throws {
        temporary = try TemporaryFolder()
        home = try temporary.folder("home")
    }

    private func scan(
        _ path: String,
        roles: [String: FileRole] = [:],
        now: Int = testNow
    ) throws(ModelFolderFault) -> ModelFolder {
        try ModelFolder.scan(path, home: home, roles: roles, now: now)
    }

    /// The fault of scanning a folder that `spoil` has changed after it was made.
    private func fault(
        _ sample: SampleFolder = .legacy,
        spoil: (String) throws -> Void = { _ in }
    ) throws -> ModelFolderFault {
        let path = try sample.make(at: "\(temporary.path)/2025.09.15_1")
        try spoil(path)
        setTime(path, 1_700_000_000)
        return try #require(throws: ModelFolderFault.self) { try scan(path) }
    }

    @Test("A sound folder is read whole: digests, roles, metadata, index")
    func sound() throws {
        let path = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        let before = try FolderImage(path)
        let folder = try scan(path + "//")
        #expect(folder.name == "2025.09.15_1")
        #expect(!folder.isInsideHome)
        #expect(folder.files.map(\.name) == SampleFolder.legacy.files.keys.sorted())
        #expect(folder.roles["encoder.joblib"] == .encoder)
        #expect(folder.roles["hnsw_index.bin"] == .index)
        #expect(folder.roles["feature_weights.json"] == .weights)
        #expect(folder.roles["training_metadata.json"] == .metadata)
        #expect(folder.roles["item_ids.joblib"] == .ids)
        #expect(folder.index.count == 2)
        #expect(folder.metadata.unknownFields == ["dataset_digest", "platform", "swift"])
        #expect(folder.metadata.changeScopes == ["preprocessing"])
        #expect(try folder.version(explicit: nil).description == "2025.09.15_1")
        #expect(folder.files.first { $0.name == "item_ids.joblib" }?.sha256 == Manifest.digest(Array("ids".utf8)))
        #expect(try FolderImage(path) == before)
    }

    @Test(
        "Each missing role is named, with the option that settles it",
        arguments: [
            ("encoder.joblib", "encoder"), ("hnsw_index.bin", "index"), ("feature_weights.json", "weights"),
            ("training_metadata.json", "metadata"),
        ]
    )
    func missingRole(file: String, role: String) throws {
        var sample = SampleFolder.legacy
        sample.files[file] = nil
        let fault = try fault(sample)
        #expect(fault.code == .incomplete)
        #expect(fault.message.contains("no file has the role \(role)"))
        #expect(fault.hint.contains("--role FILE=ROLE"))
    }

    @Test("A doubled role names both files, and an override settles it")
    func doubledRole() throws {
        var sample = SampleFolder.legacy
        sample.files["encoder_old.joblib"] = [1]
        let fault = try fault(sample)
        #expect(fault.code == .incomplete)
        #expect(fault.message.contains("encoder.joblib and encoder_old.joblib all have the role encoder"))
        let folder = try scan("\(temporary.path)/2025.09.15_1", roles: ["encoder_old.joblib": .other])
        #expect(folder.roles["encoder_old.joblib"] == .other)
    }

    @Test("An override that names no file is refused")
    func strayOverride() throws {
        let path = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        let fault = #expect(throws: ModelFolderFault.self) { try scan(path, roles: ["enc.bin": .encoder]) }
        #expect(fault?.code == .incomplete)
        #expect(fault?.message.contains("no file enc.bin") == true)
    }

    @Test("Links, second names, folders, pipes and sockets are refused by path, and nothing is read through them")
    func kinds() throws {
        let outside = "\(temporary.path)/outside"
        try write("secret", to: outside)
        func refused(_ code: ModelFolderFault.Code, _ name: String, _ make: (String) -> Int32) throws {
            let path = "\(temporary.path)/2025.09.15_1"
            let fault = try fault { folder in #expect(make("\(folder)/\(name)") == 0) }
            #expect(fault.code == code, "\(name): \(fault)")
            #expect(fault.path == "\(path)/\(name)")
            #expect(Glibc.rename(path, "\(temporary.path)/spoiled-\(name)") == 0)
        }
        try refused(.linked, "link.json") { symlink(outside, $0) }
        try refused(.linked, "dangling.json") { symlink("nowhere", $0) }
        try refused(.linked, "hard.json") { link(outside, $0) }
        try refused(.notAFile, "folder") { mkdir($0, 0o755) }
        try refused(.notAFile, "socket.json") { mknod($0, S_IFSOCK | 0o644, 0) }
        try refused(.notAFile, "pipe.json") { mkfifo($0, 0o644) }
    }

    @Test("A folder that is itself a link, a file, missing, or named with a NUL is refused")
    func rootKinds() throws {
        let path = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        symlink(path, "\(temporary.path)/2025.09.16_1")
        func code(_ path: String) -> ModelFolderFault.Code? {
            #expect(throws: ModelFolderFault.self) { try scan(path) }?.code
        }
        for path in ["2025.09.16_1", "2025.09.16_1/", "2025.09.16_1/./"] {
            let code = code("\(temporary.path)/\(path)")
            #expect(code == .linked || code == .notAFolder, "\(path)")
        }
        #expect(code("\(path)/encoder.joblib") == .notAFolder)
        #expect(code("\(temporary.path)/none") == .notAFolder)
        #expect(code("\(path)\0/x") == .badName)
        #expect(code("") == .badName)
        #expect(code(String(repeating: "a/", count: 3000)) == .badName)
    }

    @Test(
        "File names outside the alphabet are refused, shown in a printable form",
        arguments: [
            ".hidden", "with space", "a\\..\\b", "back\u{202E}wards", "\u{2025}", "\u{FF0E}\u{FF0E}", "%2e%2e", "a\nb",
            "한글.json", String(repeating: "n", count: 101),
        ]
    )
    func badNames(name: String) throws {
        let fault = try fault { try write("x", to: "\($0)/\(name)") }
        #expect(fault.code == .badName)
        #expect(fault.message.utf8.allSatisfy { 0x20..<0x7f ~= $0 || $0 >= 0x80 })
        #expect(fault.hint.contains("1 to 100 letters"))
    }

    @Test("A name that is not UTF-8 is refused")
    func badBytes() throws {
        let fault = try fault { folder in
            var path = Array(folder.utf8).map(CChar.init(bitPattern:))
            path += [0x2f, -1, -2, 0]
            let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
            #expect(descriptor >= 0)
            close(descriptor)
        }
        #expect(fault.code == .badName)
        #expect(fault.message.contains("\\xff\\xfe"))
    }

    @Test(
        "A folder at work is told apart from one at rest",
        arguments: ["file", "folder", "x.tmp", "x.part", ".x.tmp"]
    )
    func stillBeingWritten(what: String) throws {
        let path = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        let now = testNow / 1_000_000
        switch what {
        case "file": setTime("\(path)/encoder.joblib", now - 4)
        case "folder": setTime(path, now - 4)
        default:
            try write("x", to: "\(path)/\(what)")
            setTime(path, 1_700_000_000)
        }
        let fault = #expect(throws: ModelFolderFault.self) { try scan(path) }
        #expect(fault?.code == .stillBeingWritten)
        #expect(fault?.hint.contains("try again") == true)
        guard what == "file" || what == "folder" else { return }
        #expect(throws: Never.self) { try scan(path, now: testNow + 2_000_000) }
    }

    @Test("A time stamp of a clock that runs far ahead does not block a folder for ever")
    func futureStamp() throws {
        let path = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        setTime("\(path)/encoder.joblib", testNow / 1_000_000 + 86_400)
        #expect(throws: Never.self) { try scan(path) }
    }

    @Test("More than ten thousand entries are refused before anything is read")
    func tooMany() throws {
        let fault = try fault { folder in
            for number in 0...FolderReader.fileLimit {
                let descriptor = open("\(folder)/f\(number)", O_WRONLY | O_CREAT, 0o644)
                close(descriptor)
            }
        }
        #expect(fault.code == .tooLarge)
    }

    @Test("A file that this user may not read is named")
    func unreadable() throws {
        let path = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        chmod("\(path)/item_ids.joblib", 0o600)
        let fault = try asNobody { try #require(throws: ModelFolderFault.self) { try scan(path) } }
        guard let fault else { return }
        #expect(fault.code == .unreadable)
        #expect(fault.path == "\(path)/item_ids.joblib")
        chmod("\(path)/item_ids.joblib", 0o644)
        let control = try asNobody { try scan(path).files.count }
        #expect(control == 5)
    }

    @Test("A file that is altered while it is read is told apart from a sound one")
    func alteredWhileReading() throws {
        var sample = SampleFolder.legacy
        sample.files["big.bin"] = Array(repeating: 7, count: 3 << 20)
        let path = try sample.make(at: "\(temporary.path)/2025.09.15_1")
        let reader = try FolderReader(path: path)
        var isAltered = false
        let fault = #expect(throws: ModelFolderFault.self) {
            try reader.digest("big.bin") { _ throws(ModelFolderFault) in
                if !isAltered { setTime("\(path)/big.bin", 1_700_000_001) }
                isAltered = true
            }
        }
        #expect(fault?.code == .changedWhileReading)
        let control = try reader.digest("big.bin")
        #expect(control.size == 3 << 20)
    }

    @Test("A source that already holds a manifest is refused")
    func reserved() throws {
        let fault = try fault { try write("{}", to: "\($0)/manifest.json") }
        #expect(fault.code == .badName)
        #expect(fault.message.contains("manifest.json"))
    }

    @Test("A folder's name that is no version needs one by option; a bad option is refused")
    func versionChoice() throws {
        let folder = try scan(SampleFolder.legacy.make(at: "\(temporary.path)/spring model"))
        let fault = #expect(throws: ModelFolderFault.self) { try folder.version(explicit: nil) }
        #expect(fault?.hint.contains("--version") == true)
        #expect(try folder.version(explicit: "2026.01.01_3").build == 3)
        for text in ["../x", "2026.02.30_1", "2026.01.01_0", "2026.01.01_1\0", "２０26.01.01_1", "2026.01.01_1/"] {
            #expect(throws: ModelFolderFault.self) { try folder.version(explicit: text) }
        }
    }

    @Test("Builds of one day count up from the highest; another day starts at one")
    func nextVersion() throws {
        let existing = try ["2026.01.12_9", "2026.01.12_10", "2026.01.13_4"].map { try #require(ModelVersion($0)) }
        #expect(ModelFolder.nextVersion(for: (2026, 1, 12), existing: existing)?.description == "2026.01.12_11")
        #expect(ModelFolder.nextVersion(for: (2026, 1, 14), existing: existing)?.description == "2026.01.14_1")
        #expect(ModelFolder.nextVersion(for: (2026, 2, 30), existing: existing) == nil)
        let last = try #require(ModelVersion("2026.01.12_999999"))
        #expect(ModelFolder.nextVersion(for: (2026, 1, 12), existing: [last]) == nil)
    }
}
