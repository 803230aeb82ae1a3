import CanonicalJSON
import Crypto
import DurableFiles
import EventStore
import EventStoreTesting
import Foundation
import Testing

@Suite("Where a log can be, and what is refused", .serialized)
struct PlaceTests {
    private func code(_ body: () async throws -> Void) async -> EventStoreError.Code? {
        do {
            try await body()
            return nil
        } catch {
            guard let error = error as? EventStoreError else { return nil }
            #expect(!error.message.isEmpty && !error.hint.isEmpty && !error.description.contains("\n"))
            return error.code
        }
    }

    @Test("A missing log, another file and another format are told apart")
    func kinds() async throws {
        let folder = try TemporaryFolder()
        #expect(await code { _ = try LMDBEventLog.open(at: .beside(folder.path("none"))) } == .missing)
        let place = LogFolders(data: folder.path)
        try DurableFile.makeDirectory(place.log)
        #expect(await code { _ = try LMDBEventLog.open(at: place) } == .missing)
        try DurableFile.write([], to: folder.path("log/data.mdb"))
        #expect(await code { _ = try LMDBEventLog.open(at: place) } == .damaged)
        #expect(try DurableFile.size(of: folder.path("log/data.mdb")) == 0)
        try DurableFile.write([UInt8](repeating: 7, count: 65_536), to: folder.path("log/data.mdb"))
        #expect(await code { _ = try LMDBEventLog.open(at: place) } == .damaged)
        let test = try await TestLog()
        let bytes = try Data(contentsOf: URL(filePath: test.dataFile))
        var changed = bytes
        let mark = try #require(bytes.range(of: Data("daybook-log 1".utf8)))
        changed[mark.upperBound - 1] = UInt8(ascii: "2")
        try changed.write(to: URL(filePath: test.dataFile))
        #expect(await code { _ = try test.open() } == .unknownFormat)
        try bytes.write(to: URL(filePath: test.dataFile))
        await (try test.open()).close()
    }

    @Test("A log is open once per process, under whatever name; then it can be opened again")
    func once() async throws {
        let test = try await TestLog()
        var log: LMDBEventLog? = try test.open()
        try FileManager.default.createSymbolicLink(atPath: test.folder.path("alias"), withDestinationPath: test.path)
        #expect(await code { _ = try LMDBEventLog.open(at: .beside(test.folder.path("alias"))) } == .alreadyOpen)
        await log?.close()
        log = try test.open()
        // Without a close the last reference does the same.
        log = nil
        log = try test.open()
        await log?.close()
    }

    @Test("A closed log lets others have the home alone, however long its object is kept")
    func closedIsFree() async throws {
        let test = try await TestLog()
        let log = try test.open()
        #expect(try FileLock.take(test.folders.lock) == nil, "the control")
        await log.close()
        #expect(try FileLock.take(test.folders.lock) != nil)
        withExtendedLifetime(log) {}
    }

    @Test("A change of keys overwrites the old key on disk, and a crash in its middle is finished by the next start")
    func destroyedKey() async throws {
        let test = try await TestLog()
        let (path, kept) = (test.folder.path("keys/log.key"), test.folder.path("another name of the same file"))
        let old = try DurableFile.read(path)
        #expect(link(path, kept) == 0)
        var log = try test.open()
        _ = try await log.rotateKey(lost: false, actor: .system, metadata: EventMetadata(auth: "system/cli"))
        #expect(try DurableFile.read(path) == Array(LogKey.read(from: path).text.utf8))
        #expect(try DurableFile.read(kept) == [UInt8](repeating: 0, count: old.count), "the bytes went with the name")
        await log.close()
        // After the event: the old key overwritten, or gone, and the next one not yet in its place.
        for half in [[UInt8](repeating: 0, count: old.count), nil] {
            try FileManager.default.moveItem(atPath: path, toPath: "\(path).next")
            if let half { try DurableFile.create(half, at: path, mode: 0o400) }
            log = try test.open()
            _ = try await log.append(.test("a"))
            #expect(try LogKey.read(from: path).verifierKey == log.identity.verifierKey)
            #expect(!FileManager.default.fileExists(atPath: "\(path).next"))
            await log.close()
        }
    }

    @Test("A log is never created over another, and not in an unknown time zone")
    func creation() async throws {
        let test = try await TestLog()
        let keys = test.folder.path("keys")
        let key = try DurableFile.read("\(keys)/log.key")
        #expect(
            await code { _ = try LMDBEventLog.create(at: test.folders, timeZone: "Etc/UTC") } == .exists
        )
        #expect(try DurableFile.read("\(keys)/log.key") == key, "its key is untouched")
        let other = test.folder.path("other")
        #expect(
            await code { _ = try LMDBEventLog.create(at: .beside(other), timeZone: "Mars/Olympus") }
                == .invalidRequest
        )
        #expect(!FileManager.default.fileExists(atPath: other))
    }

    @Test("Another user is refused with a word about owner and mode")
    func permissions() async throws {
        let test = try await TestLog()
        let launcher = ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups"]
        let probe = try? Child("probe", "x", through: launcher)
        guard getuid() == 0, await probe?.exitCode() == 64 else {
            return print("skipped: needs root, setpriv, and a build folder that others may read")
        }
        let child = try Child("open", test.path, through: launcher)
        #expect(await child.lines() == ["error not-permitted"])
        #expect(await child.exitCode() == 1)
    }

    @Test("Network file systems are known by their numbers, and a container's layer is told apart")
    func fileSystems() throws {
        #expect(FileSystemKind(type: 0x6969) == .network("NFS"))
        #expect(FileSystemKind(type: Int64(Int32(bitPattern: 0xff53_4d42))) == .network("CIFS/SMB"))
        #expect(FileSystemKind(type: 0x0102_1997) == .network("9p"))
        #expect(FileSystemKind(type: 0x794c_7630) == .overlay)
        #expect(FileSystemKind(type: 0xef53) == .local)
        #expect(try FileSystemKind.of("/proc/self") == .local)
        #expect(throws: FileFault.self) { try FileSystemKind.of("/none/of/these") }
    }

    @Test("The key signs for the verifier key that the log states, and lies with mode 0400")
    func key() async throws {
        let test = try await TestLog()
        let path = test.folder.path("keys/log.key")
        let log = try test.open()
        let key = try LogKey.read(from: path)
        #expect(key.verifierKey == log.identity.verifierKey && key.origin.text == log.identity.origin)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o400)
        // The verifier key read as any C2SP tool reads it.
        let fields = log.identity.verifierKey.split(separator: "+", maxSplits: 2)
        #expect(fields[0] == "daybook.\(log.identity.install.text)/log")
        let bytes = try #require(Data(base64Encoded: String(fields[2])))
        #expect(bytes.count == 33 && bytes[0] == 1)
        #expect(SHA256.hash(data: Array(fields[0].utf8) + [0x0a] + bytes).prefix(4).hexadecimal == fields[1])
        let verifier = try Curve25519.Signing.PublicKey(rawRepresentation: bytes.dropFirst())
        #expect(verifier.isValidSignature(Data(try key.signature(over: [1, 2, 3])), for: Data([1, 2, 3])))
        #expect(!verifier.isValidSignature(Data(try key.signature(over: [1, 2, 3])), for: Data([1, 2, 4])))
        #expect(LogKey(text: key.text)?.verifierKey == key.verifierKey)
        for text in [
            "", "x", key.text.uppercased(), String(key.text.dropLast()), key.text.replacing("/log", with: "/lag"),
        ] {
            #expect(LogKey(text: text) == nil)
        }
        await log.close()
        try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: path)
        #expect(await code { _ = try LogKey.read(from: path) } == .notPermitted)
    }

    @Test("A damaged record is named by its position, everything before it is read, nothing is cut off")
    func damage() async throws {
        let test = try await TestLog()
        var log = try test.open()
        for number in 0..<20 { _ = try await log.append(.test("stream-\(number)")) }
        let target = try log.page(from: 11, limit: 1).events[0]
        let healthy = try log.head()
        await log.close()
        let bytes = try Data(contentsOf: URL(filePath: test.dataFile))
        // LMDB leaves older copies of a page in the file: change the record wherever it stands.
        func damaged(at offset: Int) -> Data {
            var changed = bytes
            var from = changed.startIndex
            while let range = bytes.range(of: Data(target.record), in: from..<bytes.endIndex) {
                changed[range.lowerBound + offset] ^= 0x01
                from = range.upperBound
            }
            return changed
        }
        // Version, header_len, position, stream key, the stream's name, the length of the payload.
        for offset in [0, 3, 11, 50, 107 + target.type.utf8.count + 1, target.record.count - target.data.count - 1] {
            try damaged(at: offset).write(to: URL(filePath: test.dataFile))
            log = try test.open()
            #expect(try log.page(from: 0, limit: 11).events.count == 11)
            let error = #expect(throws: EventStoreError.self, "byte \(offset)") { try log.page(from: 0, limit: 12) }
            #expect(error?.code == .damaged && error?.position == 11, "byte \(offset): \(String(describing: error))")
            #expect(try log.page(from: 12, limit: 99).events.count == Int(healthy.size) - 12)
            #expect(throws: EventStoreError.self) { try log.events(in: target.stream) }
            #expect(try log.head() == healthy)
            await log.close()
        }
        // A changed payload is a record still; the root is what tells.
        try damaged(at: target.record.count - 2).write(to: URL(filePath: test.dataFile))
        log = try test.open()
        #expect(try Bookkeeper().violations(in: log) == ["the head does not fit the records"])
        await log.close()
        try bytes.write(to: URL(filePath: test.dataFile))
        log = try test.open()
        #expect(try Bookkeeper().violations(in: log) == [])
        await log.close()
    }

    @Test("A table whose root lies behind the end of the file is damage, whichever call meets it")
    func rootBehindEnd() async throws {
        let test = try await TestLog()
        var log = try test.open()
        for number in 0..<20 { _ = try await log.append(.test("stream-\(number)")) }
        await log.close()
        let bytes = try Data(contentsOf: URL(filePath: test.dataFile))
        for name in ["ev", "sr", "id", "ik", "ti", "me"] {
            // A node of 48 bytes under a key of two: its size and flags, the key's length, the key; the root comes last.
            let node = Data([48, 0, 0, 0, 2, 0, 2, 0]) + Data(name.utf8)
            var changed = bytes
            var from = bytes.startIndex
            var found = 0
            while let range = bytes.range(of: node, in: from..<bytes.endIndex) {
                changed[range.upperBound + 44] ^= 0x40
                from = range.upperBound
                found += 1
            }
            #expect(found > 0, "the control: \(name) stands in the file")
            try changed.write(to: URL(filePath: test.dataFile))
            var codes: Set<EventStoreError.Code> = []
            do {
                log = try test.open()
                let stream = try #require(StreamName("stream-3"))
                for call: () throws -> Void in [
                    { _ = try log.head() }, { _ = try log.page(from: 0, limit: 99) },
                    { _ = try log.events(in: stream) },
                    { _ = try log.version(of: stream) }, { _ = try log.record(at: 3) },
                    { _ = try log.subtreeHash(height: 0, index: 3) },
                ] {
                    do { try call() } catch { codes.insert(try #require(error as? EventStoreError).code) }
                }
                await log.close()
            } catch {
                codes.insert(try #require(error as? EventStoreError).code)
            }
            #expect(codes.subtracting([.damaged]).isEmpty, "\(name): \(codes)")
        }
    }
}
