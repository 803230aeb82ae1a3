import EventStoreTesting
import Foundation
import Synchronization
import Testing

@testable import Observing

/// A day that a test changes.
final class Day: Sendable {
    private let text: Mutex<String>
    init(_ text: String) { self.text = Mutex(text) }
    var now: String {
        get { text.withLock { $0 } }
        set { text.withLock { $0 = newValue } }
    }
}

@Suite("Lines on their way to files that end by size and by day")
struct LineTests {
    private func file(_ folder: TemporaryFolder, bytes: Int = 1 << 20, days: Int = 30, all: Int = .max) -> RotatingFile
    {
        RotatingFile(
            folder: folder.path("logs"),
            name: "requests",
            ending: "jsonl",
            rule: RotationRule(fileBytes: bytes, keepDays: days, keepBytes: all)
        )
    }

    /// The lines of all files, the oldest file first.
    private func lines(_ folder: TemporaryFolder) throws -> [String] {
        let older = RotatingFile.older(in: folder.path("logs"), name: "requests", ending: "jsonl").reversed()
        return try (Array(older) + [folder.path("logs/requests.jsonl")]).flatMap { path in
            let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
            #expect(text.isEmpty || text.hasSuffix("\n"), "\(path) ends within a line")
            return text.split(separator: "\n").map(String.init)
        }
    }

    @Test("Threads that write while files end at every few lines lose none, and each thread's stand in its order")
    func races() throws {
        let folder = try TemporaryFolder()
        let day = Day("2026-11-23")
        let lines = BufferedLines(file(folder, bytes: 2_000), today: { day.now })
        let (threads, each) = (8, 3_000)
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            for number in 0..<each {
                if thread == 0, number == each / 2 { day.now = "2026-11-24" }
                lines.add { $0 += "{\"thread\":\(thread),\"number\":\(number)}\n".utf8 }
                if number % 500 == 0 { lines.flush() }
            }
        }
        lines.close()
        let found = try self.lines(folder)
        #expect(found.count == threads * each && Set(found).count == found.count)
        for thread in 0..<threads {
            let own = found.filter { $0.hasPrefix("{\"thread\":\(thread),") }
            #expect(own == (0..<each).map { "{\"thread\":\(thread),\"number\":\($0)}" })
        }
        #expect(lines.state.written == threads * each && lines.state.dropped == 0)
        let files = RotatingFile.older(in: folder.path("logs"), name: "requests", ending: "jsonl")
        #expect(files.count > 50, "there was something to race with")
        for path in files {
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
            #expect(size <= 2_000)
        }
    }

    @Test("A torn last line is cut at the start; a file that was moved or removed is begun anew")
    func tornAndMoved() throws {
        let folder = try TemporaryFolder()
        var first = file(folder)
        #expect(first.append(Array("one\ntwo\n".utf8), day: "2026-11-23").written == 8)
        let path = first.path
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("thr".utf8))
        try handle.close()
        var second = file(folder)
        let today = RotatingFile.day(of: Int64(Date().timeIntervalSince1970))
        _ = second.append(Array("four\n".utf8), day: today)
        #expect(try lines(folder) == ["one", "two", "four"])
        try FileManager.default.moveItem(atPath: path, toPath: folder.path("elsewhere"))
        _ = second.append(Array("five\n".utf8), day: today)
        try FileManager.default.removeItem(atPath: path)
        _ = second.append(Array("six\n".utf8), day: today)
        #expect(try lines(folder) == ["six"])
    }

    @Test(
        "A day's end ends a file, days and bytes of older ones are bounded, and a line longer than a file has one of its own"
    )
    func bounds() throws {
        let folder = try TemporaryFolder()
        var lines = file(folder, bytes: 100, days: 3, all: 250)
        for day in ["2026-11-01", "2026-11-02", "2026-11-09", "2026-11-10"] {
            _ = lines.append(Array("\(day)\n".utf8), day: day)
        }
        func names() -> [String] {
            RotatingFile.older(in: folder.path("logs"), name: "requests", ending: "jsonl")
                .map { String($0.split(separator: "/").last ?? "") }
        }
        #expect(names() == ["requests-2026-11-09.1.jsonl"])
        _ = lines.append(Array((String(repeating: "x", count: 300) + "\n").utf8), day: "2026-11-10")
        _ = lines.append(Array("after\n".utf8), day: "2026-11-10")
        // The long one alone has more than all older files may have.
        #expect(names() == ["requests-2026-11-10.1.jsonl"] || names().isEmpty)
        #expect(try String(contentsOfFile: lines.path, encoding: .utf8) == "after\n")
    }

    @Test(
        "A disk that takes nothing stops nobody: lines wait, then are dropped and counted, and the file says how many"
    )
    func fullDisk() throws {
        let folder = try TemporaryFolder()
        // Where the folder should be stands a file: no right of a superuser helps.
        try Data().write(to: URL(filePath: folder.path("logs")))
        let faults = Mutex(0)
        let lines = BufferedLines(file(folder), most: 1_000, today: { "2026-11-23" }) { fault in
            if fault != nil { faults.withLock { $0 += 1 } }
        }
        for number in 0..<500 { lines.add { $0 += "{\"number\":\(number)}\n".utf8 } }
        lines.flush()
        let before = lines.state
        #expect(before.dropped > 400 && before.written == 0 && before.waiting > 0 && faults.withLock { $0 } > 0)
        try FileManager.default.removeItem(atPath: folder.path("logs"))
        lines.flush()
        lines.add { $0 += "{\"number\":500}\n".utf8 }
        lines.close()
        let found = try self.lines(folder)
        let dropped = found.compactMap { $0.hasPrefix("{\"dropped\":") ? Int($0.dropFirst(11).dropLast()) : nil }
        #expect(dropped == [before.dropped], "\(found.suffix(3))")
        #expect(found.count - dropped.count + before.dropped == 501)
        #expect(found.first == "{\"number\":0}" && found.last == "{\"number\":500}")
        #expect(lines.state.written == found.count - 1)
    }
}
