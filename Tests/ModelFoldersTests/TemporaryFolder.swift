import DurableFiles
import Glibc
import ModelFolders
import Testing

/// A folder of its own for one test, removed with everything in it at the end.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array(
            "\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/daybook-models-XXXXXX".utf8CString
        )
        let isMade = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { mkdtemp($0) != nil } ?? false
        }
        try #require(isMade)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        chmod(path, 0o755)
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR, let stream = opendir(path) {
            chmod(path, 0o700)
            while let entry = readdir(stream) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
                let text = String(decoding: name, as: UTF8.self)
                if text != ".", text != ".." { remove("\(path)/\(text)") }
            }
            closedir(stream)
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    /// A sub-folder of that name.
    func folder(_ name: String) throws -> String {
        try DurableFile.makeDirectory("\(path)/\(name)")
        return "\(path)/\(name)"
    }
}

/// Writes a file as an old one: its time of change lies at `seconds` since 1970.
func write(_ bytes: some Collection<UInt8>, to path: String, changed seconds: Int = 1_700_000_000) throws {
    let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
    try file.write(bytes)
    setTime(path, seconds)
}

func write(_ text: String, to path: String, changed seconds: Int = 1_700_000_000) throws {
    try write(Array(text.utf8), to: path, changed: seconds)
}

/// Sets the time of change, with nanoseconds that a coarser copy would lose.
func setTime(_ path: String, _ seconds: Int) {
    let time = timespec(tv_sec: seconds, tv_nsec: 123_456_789)
    utimensat(AT_FDCWD, path, [time, time], AT_SYMLINK_NOFOLLOW)
}

/// The moment at which tests scan: long after every file that they write.
let testNow = 1_800_000_000_000_000

/// Everything about a folder that a registration must not change.
struct FolderImage: Equatable {
    var entries: [String]
    var modes: [UInt32]
    var times: [Int]
    var contents: [[UInt8]]

    init(_ path: String, leavingOut left: Set<String> = []) throws {
        let stream = try #require(opendir(path))
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            names.append(String(decoding: name, as: UTF8.self))
        }
        entries = names.filter { $0 != "." && $0 != ".." && !left.contains($0) }.sorted()
        (modes, times, contents) = ([], [], [])
        for name in entries {
            var status = stat()
            lstat("\(path)/\(name)", &status)
            modes.append(status.st_mode)
            times.append(status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec)
            contents.append(try DurableFile.read("\(path)/\(name)"))
        }
    }

    /// Bytes and times without the modes, which a copy makes uniform.
    var withoutModes: FolderImage {
        var image = self
        image.modes = []
        return image
    }
}

/// Runs a closure with the file-system rights of another user on this thread; nil where that is not possible.
///
/// Root ignores file modes, so a test of an unreadable file needs this.
func asNobody<Value>(_ body: () throws -> Value) rethrows -> Value? {
    guard geteuid() == 0, let symbol = dlsym(nil, "setfsuid") else {
        print("skipped: needs root to act as another user")
        return nil
    }
    let setFileSystemUser = unsafeBitCast(symbol, to: (@convention(c) (UInt32) -> Int32).self)
    _ = setFileSystemUser(65_534)
    defer { _ = setFileSystemUser(0) }
    guard setFileSystemUser(UInt32.max) == 65_534 else {
        print("skipped: this process may not act as another user")
        return nil
    }
    return try body()
}
