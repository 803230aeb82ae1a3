import CLMDB
import EventStore
import EventStoreTesting
import Foundation
import Testing

@Suite("Room for the log", .serialized)
struct RoomTests {
    private static func great(_ stream: String) -> AppendRequest {
        .test(stream, [String](repeating: #"{"x":"\#(String(repeating: "x", count: 8000))"}"#, count: 20))
    }

    @Test("A map of one mebibyte grows while another process reads along")
    func growth() async throws {
        let test = try await TestLog()
        let log = try test.open(mapSize: 1 << 20)
        let commands = 100
        let child = try Child("follow", test.path, "\(2 + commands * 20)", "\(1 << 20)")
        try #require(await child.isReady())
        var bookkeeper = Bookkeeper()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask { for _ in 0..<commands / 4 { _ = try await log.append(Self.great("w-\(writer)")) } }
            }
            // Readers of this process come and go while the map moves.
            for _ in 0..<2 {
                group.addTask {
                    for try await page in log.subscribe(from: 0, pageSize: 50) where page.next >= 2 + commands * 20 {
                        break
                    }
                }
            }
            try await group.waitForAll()
        }
        let lines = await child.lines()
        #expect(lines.last == "at \(2 + commands * 20)")
        #expect(await child.exitCode() == 0)
        bookkeeper.note("none")
        #expect(try bookkeeper.violations(in: log) == [])
        let size = try FileManager.default.attributesOfItem(atPath: test.dataFile)[.size] as? Int ?? 0
        #expect(size > 8 << 20, "the control: the log outgrew its first map many times over")
        await log.close()
    }

    @Test("A map that fills up at any point of a transaction leaves a log in which everything holds")
    func growthIsWhole() async throws {
        for size in stride(from: 150, through: 3100, by: 295) {
            let test = try await TestLog()
            let log = try test.open(mapSize: 1 << 20)
            let payload = #"{"x":"\#(String(repeating: "x", count: size))"}"#
            var version: UInt64 = 0
            while try log.head().size * UInt64(size + 300) < 3 << 20 {
                let request = AppendRequest.test("a", [String](repeating: payload, count: 7))
                var conditioned = request
                conditioned.expected = [request.events[0].stream: .exactly(version)]
                _ = try await log.append(conditioned)
                version += 7
                if version % 35 == 0 {
                    _ = try await log.rotateKey(
                        lost: false,
                        actor: .system,
                        metadata: EventMetadata(auth: "system/cli")
                    )
                }
            }
            var options = LogVerification.Options()
            options.allHeads = true
            let report = try LogVerification.verify(log, options: options)
            #expect(report.events == (try log.head().size), "payloads of \(size)")
            await log.close()
        }
    }

    @Test("Little address space is enough to open a log and to append")
    func addressSpace() async throws {
        let test = try await TestLog()
        let shell = ["/bin/sh", "-c", "ulimit -v 1500000; exec \"$0\" \"$@\""]
        let child = try Child("append", test.path, "1", "2", "3", through: shell)
        #expect(await child.lines().filter { $0.hasPrefix("ack") }.count == 3)
        #expect(await child.exitCode() == 0)
    }

    @Test("On a full disk reads go on, writes say so, and work again once there is room")
    func fullDisk() async throws {
        let folder = try TemporaryFolder()
        guard Self.run("/bin/mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder.path) else {
            return print("skipped: needs the right to mount a tmpfs")
        }
        defer { _ = Self.run("/bin/umount", "-l", folder.path) }
        let ballast = folder.path("ballast")
        try Data(repeating: 1, count: 1 << 20).write(to: URL(filePath: ballast))
        let log = try LMDBEventLog.create(
            at: LogFolders(data: folder.path),
            timeZone: "Etc/UTC",
            onUnrecoverable: { Issue.record("a full disk is no reason to end: \($0)") }
        )
        var appended: [Position] = []
        func fill() async -> EventStoreError? {
            for _ in 0..<1000 {
                do {
                    appended.append(
                        try await log.append(.test("a", [#"{"x":"\#(String(repeating: "x", count: 3000))"}"#])).first
                    )
                } catch {
                    return error
                }
            }
            return nil
        }
        for cycle in 0..<3 {
            let before = appended.count
            let error = await fill()
            #expect(error?.code == .diskFull, "cycle \(cycle): \(String(describing: error))")
            #expect(await fill()?.code == .diskFull)
            #expect(try log.allEvents().map(\.position).suffix(appended.count) == appended[...])
            #expect(try Bookkeeper().violations(in: log) == [])
            if cycle == 0 { try FileManager.default.removeItem(atPath: ballast) }
            if cycle > 0 { #expect(Self.run("/bin/mount", "-o", "remount,size=\(3 + cycle)m", folder.path)) }
            _ = try await log.append(.test("b"))
            appended.append(try log.head().size - 1)
            #expect(appended.count > before + 10 || cycle > 0)
        }
        await log.close()
        let again = try LMDBEventLog.open(at: LogFolders(data: folder.path))
        #expect(try Bookkeeper().violations(in: again) == [])
        await again.close()
    }

    @Test("A disk that fails is never called full, however little room it has; a write that was cut short on it is")
    func failingDisk() async throws {
        let folder = try TemporaryFolder()
        guard Self.run("/bin/mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder.path) else {
            return print("skipped: needs the right to mount a tmpfs")
        }
        defer { _ = Self.run("/bin/umount", "-l", folder.path) }
        let folders = LogFolders(data: folder.path)
        await (try LMDBEventLog.create(at: folders, timeZone: "Etc/UTC")).close()
        // LMDB gives EIO for both; only the system's own error tells them apart.
        for (systemError, code) in [(EIO, EventStoreError.Code.inputOutput), (0, .diskFull)] {
            var tuning = LMDBEventLog.Tuning()
            tuning.commit = { transaction in
                mdb_txn_abort(transaction)
                errno = systemError
                return EIO
            }
            let log = try LMDBEventLog.open(
                at: folders,
                clock: SystemClock(),
                onUnrecoverable: { _ in },
                tuning: tuning
            )
            do {
                _ = try await log.append(.test("a"))
                Issue.record("appended on a disk that fails")
            } catch {
                #expect(error.code == code, "errno \(systemError): \(error)")
            }
            await log.close()
        }
    }

    private static func run(_ words: String...) -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: words[0])
        process.arguments = Array(words.dropFirst())
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
