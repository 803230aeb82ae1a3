import DurableFiles
import EventStoreTesting
import Foundation
import Testing

@Suite("Durable files")
struct DurableFilesTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("A written file has its bytes and mode, and nothing is left beside it")
    func write() throws {
        let path = folder.path("a.json")
        try DurableFile.write(Array("one".utf8), to: path, mode: 0o640)
        try DurableFile.write(Array("two".utf8), to: path, mode: 0o600)
        #expect(try DurableFile.read(path) == Array("two".utf8))
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.json"])
    }

    @Test("Creating refuses a name that is taken, and leaves the file as it was")
    func create() throws {
        let path = folder.path("key")
        try DurableFile.create(Array("first".utf8), at: path, mode: 0o400)
        let fault = #expect(throws: FileFault.self) { try DurableFile.create(Array("second".utf8), at: path) }
        #expect(fault?.errorNumber == EEXIST)
        #expect(try DurableFile.read(path) == Array("first".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["key"])
    }

    @Test("Moving to a new name refuses one that is taken")
    func move() throws {
        try DurableFile.write([1], to: folder.path("a"))
        try DurableFile.write([2], to: folder.path("b"))
        let fault = #expect(throws: FileFault.self) {
            try DurableFile.moveToNewName(folder.path("a"), to: folder.path("b"))
        }
        #expect(fault?.errorNumber == EEXIST)
        try DurableFile.moveToNewName(folder.path("a"), to: folder.path("c"))
        #expect(try DurableFile.read(folder.path("c")) == [1])
    }

    @Test("Reading refuses a file above the limit before it is read")
    func limit() throws {
        try DurableFile.write([UInt8](repeating: 0, count: 100), to: folder.path("a"))
        let fault = #expect(throws: FileFault.self) { try DurableFile.read(folder.path("a"), limit: 99) }
        #expect(fault?.errorNumber == EFBIG)
        #expect(try DurableFile.read(folder.path("a"), limit: 100).count == 100)
    }

    @Test("Folders are made with all above them; a file in the way is named")
    func folders() throws {
        try DurableFile.makeDirectory(folder.path("a/b/c"), mode: 0o700)
        try DurableFile.makeDirectory(folder.path("a/b/c"), mode: 0o700)
        try DurableFile.write([], to: folder.path("file"))
        let fault = #expect(throws: FileFault.self) { try DurableFile.makeDirectory(folder.path("file")) }
        #expect(fault?.errorNumber == ENOTDIR)
        #expect(fault?.description.contains("file") == true)
        #expect(DurableFile.parent(of: "name") == "." && DurableFile.parent(of: "/name") == "/")
        #expect(DurableFile.parent(of: "/a/b") == "/a")
    }

    @Test(
        "Opening beneath a folder refuses every way out of it",
        arguments: [
            "../outside", "/etc/hostname", "link/secret", "linked-file", "in/../../outside", "in/up/outside", "a\0b",
        ]
    )
    func beneath(path: String) throws {
        try DurableFile.makeDirectory(folder.path("root/in"))
        try DurableFile.makeDirectory(folder.path("elsewhere"))
        try DurableFile.write([1], to: folder.path("outside"))
        try DurableFile.write([1], to: folder.path("elsewhere/secret"))
        try DurableFile.write([7], to: folder.path("root/in/file"))
        for (link, target) in [("link", "../elsewhere"), ("linked-file", "in/file"), ("in/up", "../..")] {
            try FileManager.default.createSymbolicLink(
                atPath: folder.path("root/\(link)"),
                withDestinationPath: target
            )
        }
        let root = try FileDescriptor.open(folder.path("root"), O_RDONLY | O_DIRECTORY)
        var errorNumber: Int32 = 0
        do {
            _ = try FileDescriptor.open(path, beneath: root, O_RDONLY)
        } catch {
            errorNumber = error.errorNumber
        }
        let refusals = path.contains("\0") ? [EINVAL] : [EXDEV, ELOOP]
        #expect(refusals.contains(errorNumber), "errno \(errorNumber)")
        // The control: an honest path beneath the same folder opens.
        #expect(try FileDescriptor.open("in/file", beneath: root, O_RDONLY).read(limit: 9) == [7])
    }

    @Test("A lock is held against this process and against another, and is free after its owner")
    func lock() throws {
        let path = folder.path("projector.lock")
        do {
            let lock = try #require(try FileLock.take(path))
            #expect(try FileLock.take(path) == nil)
            #expect(FileLock.owner(of: path) == getpid())
            #expect(try Self.isFree(path) == false)
            withExtendedLifetime(lock) {}
        }
        #expect(try Self.isFree(path))
        #expect(try FileLock.take(path) != nil)
    }

    /// Asks util-linux's flock, in a process of its own, whether it gets the lock.
    private static func isFree(_ path: String) throws -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/flock")
        process.arguments = ["--nonblock", path, "/bin/true"]
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    @Test("A fault says what, where and what to do")
    func fault() {
        let fault = #expect(throws: FileFault.self) { try DurableFile.read(folder.path("none")) }
        #expect(fault?.description == "cannot open \(folder.path("none")): No such file or directory")
        #expect(fault?.hint == "check the path")
        for number in [ENOSPC, EACCES, EROFS, ELOOP, EIO, EBADF] {
            #expect(!FileFault("use", path: "p", errorNumber: number).hint.isEmpty)
        }
    }

    @Test("A held folder is nobody's to remove while its owner lives, and the next one's when it does not")
    func heldFolders() throws {
        let parent = folder.path
        let names = { try FileManager.default.contentsOfDirectory(atPath: parent).map { "\(parent)/\($0)" } }
        var held: HeldFolder? = try HeldFolder(in: parent, prefix: "work-")
        let path = try #require(held).path
        // A folder of a process that was killed, under the number of one that lives, as pids come again.
        let dead = "\(parent)/work-\(getpid())"
        try FileManager.default.createDirectory(atPath: "\(dead)/deep", withIntermediateDirectories: true)
        try DurableFile.write([1], to: "\(dead)/deep/file")
        try FileManager.default.createDirectory(atPath: folder.path("other"), withIntermediateDirectories: false)
        HeldFolder.removeAbandoned(in: parent, prefix: "work-")
        #expect(try Set(names()) == [path, folder.path("other")])
        let second = try HeldFolder(in: parent, prefix: "work-")
        #expect(second.path != path)
        held = nil
        #expect(try Set(names()) == [second.path, folder.path("other")])
    }

    @Test("What a killed writer left is removed, and nothing of one that lives, whatever number its name states")
    func abandoned() throws {
        let temporary = folder.path(".a.json.tmp-\(getpid())")
        try Data("half".utf8).write(to: URL(filePath: temporary))
        let lock = try #require(try FileLock.take(temporary))
        #expect(!DurableFile.removeAbandoned(temporary) && FileManager.default.fileExists(atPath: temporary))
        withExtendedLifetime(lock) {}
        try Data("half".utf8).write(to: URL(filePath: folder.path(".b.json.tmp-\(getpid())")))
        #expect(DurableFile.removeAbandoned(folder.path(".b.json.tmp-\(getpid())")))
        #expect(!FileManager.default.fileExists(atPath: folder.path(".b.json.tmp-\(getpid())")))
    }

    @Test("A secret that is destroyed is overwritten under every name it has; a link is removed and not followed")
    func destroy() throws {
        let (path, other, name) = (folder.path("key"), folder.path("other"), folder.path("link"))
        try DurableFile.write(Array("secret".utf8), to: path, mode: 0o400)
        #expect(link(path, other) == 0)
        try DurableFile.destroy(path)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(try DurableFile.read(other) == [0, 0, 0, 0, 0, 0])
        try DurableFile.destroy(path)
        try DurableFile.write(Array("kept".utf8), to: path)
        #expect(symlink(path, name) == 0)
        try DurableFile.destroy(name)
        #expect(try DurableFile.read(path) == Array("kept".utf8) && !FileManager.default.fileExists(atPath: name))
    }
}
