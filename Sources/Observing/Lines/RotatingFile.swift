package import DurableFiles
package import Glibc

/// When a file of lines gives way to the next one, and how long the older ones stay.
package struct RotationRule: Sendable, Equatable {
    /// A file that would have more bytes ends; a single longer line has a file of its own.
    package var fileBytes: Int
    /// Older files go after so many days.
    package var keepDays: Int
    /// The oldest go while all together have more bytes.
    package var keepBytes: Int

    package init(fileBytes: Int = 64 << 20, keepDays: Int = 30, keepBytes: Int = 4 << 30) {
        self.fileBytes = fileBytes
        self.keepDays = keepDays
        self.keepBytes = keepBytes
    }
}

/// A file of lines that is only added to: `requests.jsonl`, and its older parts `requests-2026-11-23.1.jsonl`.
///
/// A file ends with its day (UTC) or its size: it is renamed, so whoever reads it reads on, and a new one begins. A file that
/// another program has moved or removed is begun anew. A line that a crash or a full disk tore is cut off: each file is whole
/// lines. One thread at a time; everything blocks.
package struct RotatingFile: ~Copyable {
    private let folder: String
    private let name: String
    private let ending: String
    private let rule: RotationRule
    private let mode: mode_t
    private var file: FileDescriptor?
    private var inode: UInt64 = 0
    private var size = 0
    private var day = ""

    /// A file of a folder; nothing is opened yet.
    ///
    /// The folder is made where it is missing.
    package init(folder: String, name: String, ending: String, rule: RotationRule, mode: mode_t = 0o640) {
        self.folder = folder
        self.name = name
        self.ending = ending
        self.rule = rule
        self.mode = mode
    }

    /// The path of the file that lines go to.
    package var path: String { "\(folder)/\(name).\(ending)" }

    /// Writes whole lines and says how many of their bytes are in a file; the rest was not written, for the reason given.
    ///
    /// `day` is today as `2026-11-23`.
    package mutating func append(_ lines: [UInt8], day today: String) -> (written: Int, fault: FileFault?) {
        var written = 0
        do {
            try prepare(today)
            while written < lines.count {
                let part = Self.wholeLines(lines[written...], within: rule.fileBytes - size)
                if part.isEmpty, size > 0 {
                    try rotate(today)
                    continue
                }
                let whole = part.isEmpty ? Self.firstLine(lines[written...]) : part
                try write(whole)
                written += whole.count
            }
            return (written, nil)
        } catch {
            return (written, error)
        }
    }

    /// Puts what was written on disk.
    package func synchronise() throws(FileFault) {
        try file?.synchronise()
    }

    /// The older files, the latest first.
    package static func older(in folder: String, name: String, ending: String) -> [String] {
        files(in: folder, name: name, ending: ending).sorted { ($0.day, $0.number) > ($1.day, $1.number) }
            .map { "\(folder)/\($0.name)" }
    }

    /// The last whole line of a file without its end; nil where it has none, or is not there.
    ///
    /// Lines of more than 64 KiB are not found.
    package static func lastLine(of path: String) throws(FileFault) -> [UInt8]? {
        guard let size = status(path)?.size, size > 0 else { return nil }
        let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
        let end = try wholeBytes(of: file, size: size, path: path)
        let start = max(0, end - (64 << 10))
        let bytes = try read(file, from: start, count: end - start, path: path).dropLast()
        guard let before = bytes.lastIndex(of: UInt8(ascii: "\n")) else {
            return start == 0 && end > 0 ? Array(bytes) : nil
        }
        return Array(bytes[(before + 1)...])
    }

    private static func firstLine(_ lines: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        lines.prefix(through: lines.firstIndex(of: UInt8(ascii: "\n")) ?? lines.endIndex - 1)
    }

    /// The longest beginning that is whole lines and has no more bytes.
    private static func wholeLines(_ lines: ArraySlice<UInt8>, within room: Int) -> ArraySlice<UInt8> {
        if lines.count <= room { return lines }
        let reach = max(0, room)
        return lines.prefix(reach).lastIndex(of: UInt8(ascii: "\n")).map { lines[lines.startIndex...$0] } ?? []
    }

    private mutating func prepare(_ today: String) throws(FileFault) {
        if file != nil, let there = Self.status(path), there.inode == inode {
            if day != today { try rotate(today) }
            return
        }
        try open(today)
        if day != today { try rotate(today) }
    }

    private mutating func open(_ today: String) throws(FileFault) {
        file = nil
        try DurableFile.makeDirectory(folder, mode: 0o750)
        let opened = try FileDescriptor.open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, mode: mode)
        let status = try opened.status()
        inode = UInt64(status.st_ino)
        size = Int(status.st_size)
        let kept = try Self.wholeBytes(of: opened, size: size, path: path)
        if kept < size {
            guard ftruncate(opened.raw, off_t(kept)) == 0 else { throw FileFault("cut", path: path) }
            size = kept
        }
        day = size == 0 ? today : Self.day(of: Int64(status.st_mtim.tv_sec))
        file = consume opened
    }

    /// How many bytes of a file are whole lines.
    private static func wholeBytes(of file: borrowing FileDescriptor, size: Int, path: String) throws(FileFault) -> Int
    {
        var end = size
        while end > 0 {
            let start = max(0, end - (64 << 10))
            let bytes = try read(file, from: start, count: end - start, path: path)
            if let last = bytes.lastIndex(of: UInt8(ascii: "\n")) { return start + last + 1 }
            end = start
        }
        return 0
    }

    static func read(
        _ file: borrowing FileDescriptor,
        from start: Int,
        count: Int,
        path: String
    ) throws(FileFault) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = bytes.withUnsafeMutableBytes { pread(file.raw, $0.baseAddress, count, off_t(start)) }
        guard got >= 0 else { throw FileFault("read", path: path) }
        return Array(bytes.prefix(got))
    }

    private mutating func write(_ part: ArraySlice<UInt8>) throws(FileFault) {
        do {
            try file?.write(part)
            size += part.count
        } catch {
            // What came of it may end within a line, which a reader would take for a damaged one.
            if let raw = file?.raw, ftruncate(raw, off_t(size)) != 0 { file = nil }
            throw error
        }
    }

    private mutating func rotate(_ today: String) throws(FileFault) {
        if size > 0 {
            let taken = Self.files(in: folder, name: name, ending: ending).filter { $0.day == day }.map(\.number)
            let older = "\(folder)/\(name)-\(day).\((taken.max() ?? 0) + 1).\(ending)"
            try DurableFile.moveToNewName(path, to: older)
        }
        file = nil
        try open(today)
        day = today
        tidy(today)
        // A file that could not give way would be asked for ever.
        guard size == 0 else { throw FileFault("begin anew", path: path, errorNumber: EEXIST) }
    }

    private func tidy(_ today: String) {
        var rest = 0
        let last = Self.dayNumber(today) - rule.keepDays
        for file in Self.files(in: folder, name: name, ending: ending)
            .sorted(by: { ($0.day, $0.number) > ($1.day, $1.number) })
        {
            let path = "\(folder)/\(file.name)"
            rest += Self.status(path)?.size ?? 0
            if Self.dayNumber(file.day) < last || rest > rule.keepBytes { unlink(path) }
        }
    }

    // MARK: - Names and days

    private static func files(
        in folder: String,
        name: String,
        ending: String
    ) -> [(name: String, day: String, number: Int)] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var found: [(String, String, Int)] = []
        while let entry = readdir(stream) {
            let text = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard text.hasPrefix("\(name)-"), text.hasSuffix(".\(ending)") else { continue }
            let middle = text.dropFirst(name.count + 1).dropLast(ending.count + 1)
            let parts = middle.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].utf8.count == 10, dayNumber(String(parts[0])) > 0,
                let number = Int(parts[1])
            else { continue }
            found.append((text, String(parts[0]), number))
        }
        return found
    }

    private static func status(_ path: String) -> (inode: UInt64, size: Int)? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return (UInt64(status.st_ino), Int(status.st_size))
    }

    /// The day in UTC that holds a moment, in seconds since 1970.
    package static func day(of seconds: Int64) -> String {
        var (time, parts) = (time_t(seconds), tm())
        gmtime_r(&time, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1_900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    }

    /// A day counted from 1970; 0 for what is no day.
    private static func dayNumber(_ text: String) -> Int {
        let numbers = text.split(separator: "-").compactMap { Int32($0) }
        guard numbers.count == 3 else { return 0 }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (numbers[0] - 1_900, numbers[1] - 1, numbers[2])
        return Int(timegm(&parts) / 86_400)
    }
}
