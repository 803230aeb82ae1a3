import DurableFiles
import Glibc
@testable import ModelFolders
import RoutingDomain
import Testing

@Suite("Taking a model folder in")
struct TakingInTests {
    let temporary: TemporaryFolder
    let home: String
    let version: ModelVersion

    init() throws {
        temporary = try TemporaryFolder()
        home = try temporary.folder("home")
        version = try #require(ModelVersion("2025.09.15_1"))
    }

    private func scan(_ path: String) throws(ModelFolderFault) -> ModelFolder {
        try ModelFolder.scan(path, home: home, now: testNow)
    }

    private func takeIn(_ folder: ModelFolder) throws(ModelFolderFault) -> String {
        try folder.takeIn(home: home, version: version, incomingName: "u1")
    }

    private func register(_ folder: ModelFolder) throws -> (folder: String, digest: String) {
        let name = try takeIn(folder)
        let root = String(repeating: "0", count: 64)
        let manifest = Manifest(
            of: folder,
            version: version,
            createdAt: testNow,
            createdBy: "00000000-0000-0000-0000-000000000000",
            log: .init(origin: "daybook.test/log", size: 1, root: root)
        )
        return (name, try ModelFolder.writeManifest(manifest, signature: nil, home: home, folder: name).manifest)
    }

    @Test("A folder outside the home is copied with every byte and time, and the source is left as it was")
    func copied() throws {
        let source = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        chmod(source, 0o555)
        chmod("\(source)/encoder.joblib", 0o400)
        let before = try FolderImage(source)
        let registered = try register(scan(source))
        let target = "\(home)/models/2025.09.15_1"
        #expect(registered.folder == "2025.09.15_1")
        #expect(try FolderImage(source) == before)
        #expect(try FolderImage(target, leavingOut: ["manifest.json"]).withoutModes == before.withoutModes)
        let manifest = try Manifest(bytes: DurableFile.read("\(target)/manifest.json"), path: "manifest.json")
        #expect(manifest.complete)
        #expect(manifest.kind == .legacy)
        #expect(manifest.sourceName == nil)
        #expect(try ModelFolder.leftovers(home: home, registered: ["2025.09.15_1"]).isEmpty)
        let problems = ModelFolder.verify(home: home, folder: registered.folder, manifestDigest: registered.digest)
        #expect(problems.isEmpty)
    }

    @Test("A folder inside the home is taken in place, and gains only its manifest")
    func inPlace() throws {
        _ = try temporary.folder("home/models")
        let source = try SampleFolder.legacy.make(at: "\(home)/models/2025.09.15_1")
        setTime("\(source)/encoder.joblib", testNow / 1_000_000)
        let before = try FolderImage(source)
        let folder = try scan(source)
        #expect(folder.isInsideHome)
        let registered = try register(folder)
        #expect(registered.folder == "2025.09.15_1")
        #expect(try FolderImage(source, leavingOut: ["manifest.json"]) == before)
        let again = try register(scan(source))
        #expect(again.digest == registered.digest)
    }

    @Test("A folder inside the home with another name stays under it, and the manifest keeps that name")
    func inPlaceOtherName() throws {
        _ = try temporary.folder("home/models")
        let source = try SampleFolder.legacy.make(at: "\(home)/models/spring")
        let registered = try register(scan(source))
        #expect(registered.folder == "spring")
        let manifest = try Manifest(bytes: DurableFile.read("\(source)/manifest.json"), path: "manifest.json")
        #expect(manifest.sourceName == "spring")
        #expect(manifest.version == version)
    }

    @Test("A folder's name in any script is kept as the source's name")
    func sourceName() throws {
        for name in ["봄 모델", "modèle d'été", "v2 (final)"] {
            let version = try #require(ModelVersion("2025.10.01_1"))
            let folder = try scan(SampleFolder.legacy.make(at: "\(temporary.path)/\(name)"))
            let manifest = Manifest(
                of: folder,
                version: version,
                createdAt: testNow,
                createdBy: "00000000-0000-0000-0000-000000000000",
                log: .init(origin: "daybook.test/log", size: 1, root: String(repeating: "0", count: 64))
            )
            #expect(try Manifest(bytes: manifest.bytes, path: "m").sourceName == name)
        }
    }

    @Test("After a crash behind the rename the same command adopts the folder and goes through")
    func adopted() throws {
        let source = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        #expect(try takeIn(scan(source)) == "2025.09.15_1")
        // A crash inside the manifest's own durable write leaves its temporary file.
        let target = "\(home)/models/2025.09.15_1"
        try write("half", to: "\(target)/.manifest.json.tmp-99")
        let registered = try register(scan(source))
        let verified = ModelFolder.verify(home: home, folder: registered.folder, manifestDigest: registered.digest)
        #expect(verified.isEmpty)
        // And after a crash between the manifest and the event.
        #expect(try register(scan(source)).digest == registered.digest)
    }

    @Test("After a crash within the copy the leftover is listed, and the same command goes through beside it")
    func interruptedCopy() throws {
        let source = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        let half = try temporary.folder("home/models/.incoming-u0")
        try write("half", to: "\(half)/encoder.joblib")
        _ = try register(scan(source))
        try write("x", to: "\(home)/models/note.txt")
        _ = try temporary.folder("home/models/2025.09.16_1")
        let leftovers = try ModelFolder.leftovers(home: home, registered: ["2025.09.15_1"])
        #expect(
            leftovers == [
                ModelLeftover(kind: .incoming, path: "models/.incoming-u0"),
                ModelLeftover(kind: .unregistered, path: "models/2025.09.16_1"),
                ModelLeftover(kind: .stray, path: "models/note.txt"),
            ]
        )
    }

    @Test("A folder of that version with other content is refused, each difference named, nothing changed")
    func taken() throws {
        let source = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        _ = try takeIn(scan(source))
        let target = "\(home)/models/2025.09.15_1"
        try write("other", to: "\(target)/encoder.joblib")
        try write("x", to: "\(target)/more.bin")
        unlink("\(target)/item_ids.joblib")
        let before = try FolderImage(target)
        let fault = #expect(throws: ModelFolderFault.self) { try takeIn(scan(source)) }
        #expect(fault?.code == .folderTaken)
        for part in ["encoder.joblib differs", "more.bin is extra", "item_ids.joblib is missing"] {
            #expect(fault?.message.contains(part) == true)
        }
        #expect(try FolderImage(target) == before)
    }

    @Test("A source that changes between scan and copy is refused, and the half copy is removed")
    func changedAfterScan() throws {
        let source = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        let scanned = try scan(source)
        try write("changed since", to: "\(source)/item_ids.joblib")
        #expect(throws: ModelFolderFault.self) { try takeIn(scanned) }
        let grown = try scan(source)
        try write("new", to: "\(source)/late.bin")
        let fault = #expect(throws: ModelFolderFault.self) { try takeIn(grown) }
        #expect(fault?.code == .changedWhileReading)
        #expect(try ModelFolder.leftovers(home: home, registered: []).isEmpty)
        // A file swapped for a link after the scan is not followed either.
        let trusting = try scan(source)
        try write("secret", to: "\(temporary.path)/secret")
        unlink("\(source)/late.bin")
        symlink("\(temporary.path)/secret", "\(source)/late.bin")
        #expect(throws: ModelFolderFault.self) { try takeIn(trusting) }
        #expect(try ModelFolder.leftovers(home: home, registered: []).isEmpty)
    }

    @Test("A home whose models folder is a link is refused: nothing is written through it")
    func linkedModels() throws {
        let source = try SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1")
        let elsewhere = try temporary.folder("elsewhere")
        symlink(elsewhere, "\(home)/models")
        let fault = #expect(throws: ModelFolderFault.self) { try takeIn(scan(source)) }
        #expect(fault?.code == .linked)
        #expect(try FolderImage(elsewhere).entries.isEmpty)
    }

    @Test("Two thousand made-up names reach nothing outside the home")
    func traversal() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("traversal seed \(seed)")
        var random = SplitMix(state: seed)
        let canary = "\(temporary.path)/canary"
        try write("canary", to: canary)
        let folder = try scan(SampleFolder.legacy.make(at: "\(temporary.path)/2025.09.15_1"))
        let parts = [
            "..", "/", "\\", "%2e%2e", "%252e", "\u{2025}", "\u{FF0E}", "\0", "proc/self/fd/0", "canary", "CON", "a",
            ".",
            "2025.09.15_1",
        ]
        let image = try FolderImage(temporary.path, leavingOut: ["home", "2025.09.15_1"])
        for _ in 0..<2000 {
            var name = "../"
            for _ in 0..<Int.random(in: 1...4, using: &random) { name += parts.randomElement(using: &random) ?? "" }
            #expect(throws: ModelFolderFault.self) { try folder.version(explicit: name) }
            #expect(throws: ModelFolderFault.self) {
                try folder.takeIn(home: home, version: version, incomingName: name)
            }
            #expect(!ModelFolder.verify(home: home, folder: name, manifestDigest: "").isEmpty)
        }
        #expect(try FolderImage(temporary.path, leavingOut: ["home", "2025.09.15_1"]) == image)
    }

    @Test("One registration at a time: the second is told who holds the lock")
    func locked() throws {
        let lock = try ModelFolder.lock(home: home)
        let fault = #expect(throws: ModelFolderFault.self) { try ModelFolder.lock(home: home) }
        #expect(fault?.code == .busy)
        #expect(fault?.message.contains("process \(getpid())") == true)
        withExtendedLifetime(lock) {}
    }
}
