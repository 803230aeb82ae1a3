import EventStoreTesting
import Foundation
import Testing

@testable import Inference

@Suite("The memory that is free")
struct MemoryTests {
    /// A machine as the kernel tells of it, in a folder.
    private struct Machine {
        let folder: TemporaryFolder

        init(available: Int? = 1 << 30, group: String) throws {
            folder = try TemporaryFolder("daybook-memory")
            try write("proc/self/cgroup", "4:memory:/elsewhere\n0::\(group)\n")
            let line = available.map { "MemAvailable:   \($0 / 1_024) kB\n" } ?? ""
            try write("proc/meminfo", "MemTotal:       9999999 kB\n\(line)")
        }

        func write(_ path: String, _ text: String) throws {
            let place = URL(filePath: folder.path(path))
            let parent = place.deletingLastPathComponent()
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: place)
        }

        func limit(_ group: String, to maximum: String, current: Int, inactive: Int = 0, active: Int = 0) throws {
            try write("groups\(group)/memory.max", "\(maximum)\n")
            try write("groups\(group)/memory.current", "\(current)\n")
            let stat = "anon 5\nfile 7\ninactive_anon 9\nactive_file \(active)\ninactive_file \(inactive)\n"
            try write("groups\(group)/memory.stat", stat)
        }

        var free: Int? {
            Memory.available(processes: folder.path("proc"), groups: folder.path("groups"))
        }
    }

    @Test("Without a limit it is what the machine has; where neither is known, nobody knows")
    func machine() throws {
        let machine = try Machine(available: 4_096_000, group: "/a")
        #expect(machine.free == 4_096_000)
        try machine.limit("/a", to: "max", current: 4_000_000)
        #expect(machine.free == 4_096_000)
        #expect(try Machine(available: nil, group: "/a").free == nil)
    }

    @Test("What the group keeps of files counts as free")
    func files() throws {
        let machine = try Machine(group: "/system.slice/daybook.service")
        try machine.limit("/system.slice/daybook.service", to: "1000", current: 900, inactive: 500, active: 150)
        #expect(machine.free == 750)
        try machine.limit("/system.slice/daybook.service", to: "1000", current: 900)
        #expect(machine.free == 100, "the control: without files")
        try machine.limit("/system.slice/daybook.service", to: "1000", current: 1_200)
        #expect(machine.free == 0)
    }

    @Test("The least room of the group and those above it holds, and no other group's")
    func parents() throws {
        let machine = try Machine(group: "/a/b")
        try machine.limit("/a/b", to: "1000", current: 100)
        try machine.limit("/a/other", to: "10", current: 10)
        #expect(machine.free == 900)
        try machine.limit("/a", to: "1000", current: 700)
        #expect(machine.free == 300)
        // In a container the mount itself is the group.
        try machine.limit("", to: "1000", current: 950)
        #expect(machine.free == 50)
        try machine.write("proc/self/cgroup", "0::/../../gone\n")
        #expect(machine.free == 50)
    }
}
