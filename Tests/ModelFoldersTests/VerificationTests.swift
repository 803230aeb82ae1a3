import DurableFiles
import Glibc
@testable import ModelFolders
import IndexFiles
import RoutingDomain
import Testing

@Suite("Verifying a model folder")
struct VerificationTests {
    let temporary: TemporaryFolder
    let home: String
    let target: String
    let digest: String

    init() throws {
        temporary = try TemporaryFolder()
        home = try temporary.folder("home")
        _ = try temporary.folder("home/models")
        target = try SampleFolder.legacy.make(at: "\(home)/models/2025.09.15_1")
        let folder = try ModelFolder.scan(target, home: home, now: testNow)
        let manifest = Manifest(
            of: folder,
            version: try folder.version(explicit: nil),
            createdAt: testNow,
            createdBy: "00000000-0000-0000-0000-000000000000",
            log: .init(origin: "daybook.test/log", size: 1, root: String(repeating: "0", count: 64))
        )
        digest = try ModelFolder.writeManifest(manifest, signature: nil, home: home, folder: "2025.09.15_1").manifest
    }

    private var problems: [VerificationProblem] {
        ModelFolder.verify(home: home, folder: "2025.09.15_1", manifestDigest: digest)
    }

    @Test("Every problem of a folder is found in one go, each with its path")
    func all() throws {
        #expect(problems.isEmpty)
        unlink("\(target)/item_ids.joblib")
        try write("no longer", to: "\(target)/encoder.joblib")
        try write("{\"feature_weights\":{\"WIDTH_MM\":9.0}}", to: "\(target)/feature_weights.json")
        try write("x", to: "\(target)/new.bin")
        unlink("\(target)/hnsw_index.bin")
        symlink("encoder.joblib", "\(target)/hnsw_index.bin")
        link("\(target)/training_metadata.json", "\(temporary.path)/second-name")
        let found = problems.map { "\($0.kind.rawValue) \($0.path)" }
        let place = "models/2025.09.15_1"
        #expect(
            found == [
                "altered \(place)/encoder.joblib", "altered \(place)/feature_weights.json",
                "linked \(place)/hnsw_index.bin", "missing \(place)/item_ids.joblib",
                "linked \(place)/training_metadata.json", "extra \(place)/new.bin",
            ]
        )
    }

    @Test(
        "One flipped bit of any file is found",
        arguments: SampleFolder.legacy.files.keys.sorted() + ["manifest.json"]
    )
    func flippedBit(name: String) throws {
        var bytes = try DurableFile.read("\(target)/\(name)")
        let place = bytes.count / 2
        bytes[place] ^= 1
        try write(bytes, to: "\(target)/\(name)")
        #expect(problems.first?.path == "models/2025.09.15_1/\(name)")
        #expect(problems.first?.kind == .altered)
        bytes[place] ^= 1
        try write(bytes, to: "\(target)/\(name)")
        #expect(problems.isEmpty)
    }

    @Test("A manifest and folder swapped together for another sound pair is still found: the log has the digest")
    func swappedPair() throws {
        #expect(!ModelFolder.verify(home: home, folder: "2025.09.15_1", manifestDigest: "00").isEmpty)
    }

    @Test("A missing folder or manifest is a problem of the list")
    func missing() throws {
        #expect(
            ModelFolder.verify(home: home, folder: "2025.09.16_1", manifestDigest: digest).map(\.kind) == [.missing]
        )
        unlink("\(target)/manifest.json")
        #expect(problems.map(\.path) == ["models/2025.09.15_1/manifest.json"])
        #expect(problems.map(\.kind) == [.missing])
    }

    @Test("A file that became a folder or cannot be read is named")
    func unreadable() throws {
        unlink("\(target)/item_ids.joblib")
        mkdir("\(target)/item_ids.joblib", 0o755)
        #expect(problems.map(\.kind) == [.altered])
        chmod("\(target)/encoder.joblib", 0)
        let found = asNobody { problems }
        guard let found else { return }
        #expect(found.map(\.kind) == [.unreadable, .altered])
        #expect(found.first?.path == "models/2025.09.15_1/encoder.joblib")
    }
}

@Suite("The folders of an existing plant")
struct LegacyFolderTests {
    @Test(
        "Both real folders register as they are, and keep every byte and time",
        arguments: ["2025.09.15_1", "2025.09.29_1"]
    )
    func real(name: String) throws {
        guard let data = getenv("DAYBOOK_TEST_DATA").map({ String(cString: $0) }) else {
            print("skipped: DAYBOOK_TEST_DATA is not set")
            return
        }
        let temporary = try TemporaryFolder()
        let home = try temporary.folder("home")
        let source = "\(data)/legacy-models/\(name)"
        let before = try FolderImage(source)
        let folder = try ModelFolder.scan(source, home: home, now: testNow)
        #expect(folder.metadata.unknownFields == ["dataset_digest", "platform", "swift"])
        #expect(folder.index.dimension == 29)
        let version = try folder.version(explicit: nil)
        let target = try folder.takeIn(home: home, version: version, incomingName: "u")
        let manifest = Manifest(
            of: folder,
            version: version,
            createdAt: testNow,
            createdBy: "00000000-0000-0000-0000-000000000000",
            log: .init(origin: "daybook.test/log", size: 1, root: String(repeating: "0", count: 64))
        )
        let digest = try ModelFolder.writeManifest(manifest, signature: nil, home: home, folder: target).manifest
        #expect(ModelFolder.verify(home: home, folder: target, manifestDigest: digest).isEmpty)
        #expect(try FolderImage(source) == before)
        let copy = try FolderImage("\(home)/models/\(target)", leavingOut: ["manifest.json"])
        #expect(copy.withoutModes == before.withoutModes)
    }
}
