internal import DurableFiles

/// The memory that this process may still take.
package enum Memory {
    /// Bytes: the least of what the machine has available and what the control groups of this process leave; nil where neither is known.
    ///
    /// The group and each above it up to the mount are asked, as a limit of any of them holds. What they keep of files can be given
    /// back and counts as free. Control groups of version 1 are not read: there the machine's own number decides.
    package static func available(processes: String = "/proc", groups: String = "/sys/fs/cgroup") -> Int? {
        ([machine(processes)] + lineage(processes, groups).map(room)).compactMap(\.self).min()
    }

    private static func machine(_ processes: String) -> Int? {
        figure("MemAvailable:", in: "\(processes)/meminfo").map { $0 * 1_024 }
    }

    /// The folders of the process's group and of those above it.
    private static func lineage(_ processes: String, _ groups: String) -> [String] {
        let own = lines("\(processes)/self/cgroup").first { $0.hasPrefix("0::") }?.dropFirst(3) ?? "/"
        var names = own.split(separator: "/").filter { $0 != ".." }
        var folders = [groups]
        while !names.isEmpty {
            folders.append("\(groups)/\(names.joined(separator: "/"))")
            names.removeLast()
        }
        return folders
    }

    /// What a group leaves; nil where it sets no limit.
    private static func room(_ group: String) -> Int? {
        guard let limit = lines("\(group)/memory.max").first.flatMap({ Int($0) }),
            let used = lines("\(group)/memory.current").first.flatMap({ Int($0) })
        else { return nil }
        let files = ["inactive_file", "active_file"].compactMap { figure($0, in: "\(group)/memory.stat") }
        return max(0, limit - used + files.reduce(0, +))
    }

    /// The number behind a word at the beginning of a line.
    private static func figure(_ word: String, in path: String) -> Int? {
        for line in lines(path) {
            let words = line.split(separator: " ")
            if words.count > 1, words[0] == word { return Int(words[1]) }
        }
        return nil
    }

    private static func lines(_ path: String) -> [Substring] {
        guard let bytes = try? DurableFile.read(path, limit: 1 << 16) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
}
