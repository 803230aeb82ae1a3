import Foundation
import Glibc
import Testing

/// The model folders that ship with the program, and copies of them.
enum Sample {
    static let versions = ["2026.01.12_1", "2026.02.02_1"]
    static let folder = "\(Program.checkout)/samples/models"

    /// Copies a sample into a folder, old enough to be at rest; returns the copy's path.
    ///
    /// Under another name it is another version: its metadata and its weights differ, its index stays sound.
    @discardableResult
    static func copy(_ version: String, into folder: String, as name: String? = nil) throws -> String {
        let path = "\(folder)/\(name ?? version)"
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try files.copyItem(atPath: "\(Self.folder)/\(version)", toPath: path)
        if let name {
            let metadata = "\(path)/training_metadata.json"
            let text = try String(contentsOfFile: metadata, encoding: .utf8)
            try Data(text.replacing("\"\(version)\"", with: "\"\(name)\"").utf8).write(to: URL(filePath: metadata))
        }
        try age(path)
        return path
    }

    /// Sets the times of a folder and all in it to a day in the past.
    static func age(_ path: String) throws {
        let files = FileManager.default
        for name in try files.contentsOfDirectory(atPath: path) { setTime("\(path)/\(name)") }
        setTime(path)
    }

    private static func setTime(_ path: String) {
        let times = [
            timespec(tv_sec: 1_767_225_600, tv_nsec: 123_456_789),
            timespec(tv_sec: 1_767_225_600, tv_nsec: 123_456_789),
        ]
        #expect(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0)
    }
}

/// What lies in a folder, for comparison.
enum Tree {
    /// Each file beneath a path with its mode, time of change and bytes; links by their target.
    static func read(_ path: String, withModes: Bool = true, where isWanted: (String) -> Bool = { _ in true }) throws
        -> [String: String]
    {
        var found: [String: String] = [:]
        let files = FileManager.default
        for name in try files.subpathsOfDirectory(atPath: path) where isWanted(name) {
            var about = stat()
            guard lstat("\(path)/\(name)", &about) == 0 else { continue }
            let mode = withModes ? "\(about.st_mode) " : ""
            let time = "\(mode)\(about.st_mtim.tv_sec).\(about.st_mtim.tv_nsec)"
            switch about.st_mode & S_IFMT {
            case S_IFREG:
                let bytes = files.contents(atPath: "\(path)/\(name)") ?? Data()
                found[name] = "\(time) \(bytes.base64EncodedString())"
            case S_IFLNK: found[name] = "link to \(try files.destinationOfSymbolicLink(atPath: "\(path)/\(name)"))"
            default: found[name] = "folder"
            }
        }
        return found
    }
}

/// Why a test cannot run here: one clear line, once.
enum Skipped {
    static func line(_ what: String, because reason: String) {
        print("SKIPPED: \(what): \(reason)")
    }
}
