import Foundation
import Glibc

/// Files as a disk holds them at one moment of a trace: what is surely there, and what a power cut may leave out.
///
/// Pages that were written since a file's last synchronisation may be there or not, each by itself; one may be torn after
/// 512 or 2,048 bytes. Names that were changed since their folder's last synchronisation stand up to some change.
struct DiskModel {
    /// A change of a file's bytes that is not yet sure, of one page at most.
    private enum Pending {
        case page(offset: Int, bytes: ArraySlice<UInt8>)
        case size(Int)
    }

    private enum Naming {
        case create(String, UInt64)
        case rename(String, String)
        case link(String, String)
        case remove(String)
        case makeFolder(String)

        /// The folder whose synchronisation makes it sure.
        var folder: String {
            switch self {
            case .create(let path, _), .remove(let path), .makeFolder(let path): DiskModel.parent(of: path)
            case .rename(_, let path), .link(_, let path): DiskModel.parent(of: path)
            }
        }
    }

    /// What one crash leaves of what was not sure.
    struct Choice {
        /// Whether a file's pending change, by its number, is there.
        var holds: (UInt64, Int) -> Bool
        /// Where the page is cut off that is torn: file, number of the change, bytes.
        var torn: (file: UInt64, change: Int, bytes: Int)?
        /// How many of a folder's pending names are there.
        var names: (String, Int) -> Int
    }

    private static let page = 4096

    private var sure: [UInt64: [UInt8]] = [:]
    private var pending: [UInt64: [Pending]] = [:]
    private var names: [String: UInt64] = [:]
    private var folders: Set<String> = []
    private var pendingNames: [Naming] = []
    /// The names as the process sees them, for files that it opened without making them.
    private var seen: [String: UInt64] = [:]

    /// The files under a folder, all of them sure.
    init(root: String) throws {
        let files = FileManager.default
        for path in try files.subpathsOfDirectory(atPath: root) {
            var about = stat()
            guard lstat("\(root)/\(path)", &about) == 0 else { continue }
            if about.st_mode & S_IFMT == S_IFDIR {
                folders.insert(path)
            } else if about.st_mode & S_IFMT == S_IFREG {
                names[path] = UInt64(about.st_ino)
                sure[UInt64(about.st_ino)] = [UInt8](files.contents(atPath: "\(root)/\(path)") ?? Data())
            }
        }
        seen = names
    }

    /// The files with changes that are not sure, and how many each has.
    var unsure: [UInt64: Int] { pending.mapValues(\.count).filter { $0.value > 0 } }

    /// Whether names have changed that are not sure.
    var hasUnsureNames: Bool { !pendingNames.isEmpty }

    /// Takes a step; with `isSynchronising` false no synchronisation does anything: the control.
    mutating func take(_ step: RecordedTrace.Step, isSynchronising: Bool = true) {
        switch step {
        case .create(let path, let file):
            guard seen[path] != file else { return }
            meet(file, at: path)
        case .write(let path, let file, let offset, let bytes, let isSynchronous):
            meet(file, at: path)
            var rest = bytes
            while !rest.isEmpty {
                let start = offset + rest.startIndex - bytes.startIndex
                let part = rest.prefix(Self.page - start % Self.page)
                let change = Pending.page(offset: start, bytes: part)
                if isSynchronous, isSynchronising {
                    apply(change, to: &sure[file, default: []])
                } else {
                    pending[file, default: []].append(change)
                }
                rest = rest.dropFirst(part.count)
            }
        case .truncate(let path, let file, let size):
            meet(file, at: path)
            pending[file, default: []].append(.size(size))
        case .synchronise(let path, let file):
            guard isSynchronising else { return }
            if seen[path] == file {
                for change in pending.removeValue(forKey: file) ?? [] { apply(change, to: &sure[file, default: []]) }
            } else {
                for naming in pendingNames where naming.folder == path { apply(naming, &names, &folders) }
                pendingNames.removeAll { $0.folder == path }
            }
        case .rename(let from, let to): name(.rename(from, to))
        case .link(let from, let to): name(.link(from, to))
        case .remove(let path): name(.remove(path))
        case .makeFolder(let path): name(.makeFolder(path))
        case .output: break
        }
    }

    /// Writes the files as a crash would leave them.
    func write(to root: String, _ choice: Choice) throws {
        var (names, folders) = (names, folders)
        var taken: [String: Int] = [:]
        let counts = Dictionary(grouping: pendingNames, by: \.folder).mapValues(\.count)
        let limits = counts.reduce(into: [:]) { $0[$1.key] = choice.names($1.key, $1.value) }
        for naming in pendingNames {
            let number = taken[naming.folder, default: 0]
            taken[naming.folder] = number + 1
            if number < limits[naming.folder, default: 0] { apply(naming, &names, &folders) }
        }
        for folder in folders.sorted() {
            try FileManager.default.createDirectory(
                atPath: "\(root)/\(folder)",
                withIntermediateDirectories: true
            )
        }
        for (path, file) in names {
            // A name can be there although its folder's own is not: then nobody finds it.
            guard Self.parent(of: path).isEmpty || folders.contains(Self.parent(of: path)) else { continue }
            try Self.write(bytes(of: file, choice), to: "\(root)/\(path)")
        }
    }

    private func bytes(of file: UInt64, _ choice: Choice) -> [UInt8] {
        var bytes = sure[file] ?? []
        for (number, change) in (pending[file] ?? []).enumerated() {
            if let torn = choice.torn, torn.file == file, torn.change == number,
                case .page(let offset, let part) = change
            {
                apply(.page(offset: offset, bytes: part.prefix(torn.bytes)), to: &bytes)
            } else if choice.holds(file, number) {
                apply(change, to: &bytes)
            }
        }
        return bytes
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(file) }
        let written = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        guard file >= 0, written == bytes.count else {
            throw ShimError(description: "\(path) cannot be written: \(errno)")
        }
    }

    private mutating func meet(_ file: UInt64, at path: String) {
        guard seen[path] != file else { return }
        // The system gives a number again when its file is gone.
        if !seen.values.contains(file) { (sure[file], pending[file]) = (nil, nil) }
        sure[file] = sure[file] ?? []
        seen[path] = file
        pendingNames.append(.create(path, file))
    }

    private mutating func name(_ naming: Naming) {
        var none: Set<String> = []
        apply(naming, &seen, &none)
        pendingNames.append(naming)
    }

    private func apply(_ naming: Naming, _ names: inout [String: UInt64], _ folders: inout Set<String>) {
        switch naming {
        case .create(let path, let file): names[path] = file
        case .remove(let path):
            names[path] = nil
            folders.remove(path)
        case .makeFolder(let path): folders.insert(path)
        case .link(let from, let to): names[to] = names[from]
        case .rename(let from, let to):
            if let file = names.removeValue(forKey: from) { names[to] = file }
            for (path, file) in names where path.hasPrefix("\(from)/") {
                names[path] = nil
                names[to + path.dropFirst(from.count)] = file
            }
            for path in folders where path == from || path.hasPrefix("\(from)/") {
                folders.remove(path)
                folders.insert(to + path.dropFirst(from.count))
            }
        }
    }

    private func apply(_ change: Pending, to bytes: inout [UInt8]) {
        switch change {
        case .size(let size):
            if size < bytes.count { bytes.removeLast(bytes.count - size) }
            bytes += repeatElement(0, count: size - bytes.count)
        case .page(let offset, let part):
            let end = offset + part.count
            if bytes.count < end { bytes += repeatElement(0, count: end - bytes.count) }
            bytes.replaceSubrange(offset..<end, with: part)
        }
    }

    fileprivate static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }
}
