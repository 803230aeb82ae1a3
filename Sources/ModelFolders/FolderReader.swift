import CanonicalJSON
import Crypto
import DurableFiles
import Glibc

/// One file of a folder as it was read: its digest, and what tells whether it has changed since.
package struct ScannedFile: Equatable, Sendable {
    /// The name inside the folder.
    package let name: String
    /// Size in bytes.
    package let size: Int
    /// SHA-256 of all bytes, in hexadecimal.
    package let sha256: String
    /// Time of the last change of content, nanoseconds since 1970.
    package let modifiedNanoseconds: Int
}

/// Looks into one open folder without ever following a link, and streams its files.
///
/// Everything is opened beneath the folder by the kernel's rule (no link, no `..`, no way out), and blocks the calling
/// thread while it reads.
final class FolderReader {
    static let chunkSize = 1 << 20
    static let fileLimit = 10_000

    /// The path as messages name it.
    let path: String
    let directory: FileDescriptor

    /// Opens a folder by the operator's path; the folder itself may be a link only where `followsLink` allows it.
    init(path: String, followsLink: Bool = false) throws(ModelFolderFault) {
        guard !path.isEmpty, !path.utf8.contains(0), path.utf8.count < Int(PATH_MAX) else {
            throw ModelFolderFault(
                .badName,
                path: SafeName.printable(path.utf8),
                "the path of a model folder is empty, holds a NUL or is longer than \(PATH_MAX - 1) bytes",
                hint: "give the path of an existing folder"
            )
        }
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.hasSuffix("/") || trimmed.hasSuffix("/.") { trimmed.removeLast() }
        let bare = String(trimmed)
        self.path = bare
        do throws(FileFault) {
            directory = try FileDescriptor.open(bare, O_RDONLY | O_DIRECTORY | (followsLink ? 0 : O_NOFOLLOW))
        } catch  where error.errorNumber == ENOTDIR {
            throw ModelFolderFault(
                .notAFolder,
                path: bare,
                "\(bare) is a file or a symbolic link, not a folder",
                hint: "name the model folder itself"
            )
        } catch {
            throw ModelFolderFault(error)
        }
    }

    /// Opens the home's `models/`: the home may be a link of the operator's, `models/` may not.
    static func models(home: String) throws(ModelFolderFault) -> FolderReader {
        try FolderReader("models", beneath: FolderReader(path: home, followsLink: true))
    }

    /// Opens a folder directly beneath another one.
    init(_ name: String, beneath parent: FolderReader) throws(ModelFolderFault) {
        path = "\(parent.path)/\(name)"
        directory = try parent.openBeneath(name, O_RDONLY | O_DIRECTORY)
    }

    /// The names in the folder, sorted by bytes, `.` and `..` left out; raw bytes, since a name need not be UTF-8.
    func entries() throws(ModelFolderFault) -> [[UInt8]] {
        let copy = fcntl(directory.raw, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0, let stream = fdopendir(copy) else {
            throw ModelFolderFault(FileFault("list", path: path))
        }
        defer { closedir(stream) }
        rewinddir(stream)
        var names: [[UInt8]] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
            guard names.count <= Self.fileLimit else {
                throw ModelFolderFault(
                    .tooLarge,
                    path: path,
                    "\(path) holds more than \(Self.fileLimit) entries",
                    hint: "a model folder holds a handful of files; check that this is the folder you mean"
                )
            }
            errno = 0
        }
        guard errno == 0 else { throw ModelFolderFault(FileFault("list", path: path)) }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// The status of an entry itself, a link not followed; nil if there is none.
    func status(of name: String) throws(ModelFolderFault) -> stat? {
        var status = stat()
        guard fstatat(directory.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return nil }
            throw ModelFolderFault(FileFault("read the status of", path: "\(path)/\(name)"))
        }
        return status
    }

    /// Opens a plain file with exactly one name; anything else is refused before a byte is read.
    func open(_ name: String) throws(ModelFolderFault) -> FileDescriptor {
        guard let status = try status(of: name) else {
            throw ModelFolderFault(FileFault("open", path: "\(path)/\(name)", errorNumber: ENOENT))
        }
        try refuseUnlessPlain(status, name)
        let file = try openBeneath(name, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        let opened = try ModelFolderFault.wrapping { () throws(FileFault) in try file.status() }
        try refuseUnlessPlain(opened, name)
        return file
    }

    /// Opens an entry of the folder by the kernel's rule; see ``FileDescriptor/open(_:beneath:_:mode:)``.
    ///
    /// The kernel refuses a mode unless the flags create a file.
    func openBeneath(_ name: String, _ flags: Int32, mode: mode_t = 0) throws(ModelFolderFault) -> FileDescriptor {
        try ModelFolderFault.wrapping { () throws(FileFault) in
            try FileDescriptor.open(name, beneath: directory, flags, mode: mode)
        }
    }

    /// Refuses the first of these entries that is not a plain file with one name, before any is read.
    func refuseUnlessAllPlain(_ names: [String]) throws(ModelFolderFault) {
        for name in names {
            guard let status = try status(of: name) else { throw ModelFolder.changed("\(path)/\(name)") }
            try refuseUnlessPlain(status, name)
        }
    }

    private func refuseUnlessPlain(_ status: stat, _ name: String) throws(ModelFolderFault) {
        let place = "\(path)/\(name)"
        switch status.st_mode & S_IFMT {
        case S_IFREG where status.st_nlink == 1: return
        case S_IFREG:
            throw ModelFolderFault(
                .linked,
                path: place,
                "\(place) has \(status.st_nlink) hard links, so it can be altered under another name",
                hint: "replace it by a copy of its own (cp --remove-destination)"
            )
        case S_IFLNK:
            throw ModelFolderFault(
                .linked,
                path: place,
                "\(place) is a symbolic link",
                hint: "put the file itself into the folder"
            )
        case S_IFDIR:
            throw ModelFolderFault(
                .notAFile,
                path: place,
                "\(place) is a folder inside a model folder",
                hint: "a model folder holds plain files only"
            )
        default:
            throw ModelFolderFault(
                .notAFile,
                path: place,
                "\(place) is a socket, pipe or device",
                hint: "a model folder holds plain files only"
            )
        }
    }
}

extension FolderReader {
    /// Reads a whole file in chunks and returns its digest; `sink` sees each chunk, in order.
    ///
    /// Throws `changedWhileReading` when size or a time stamp differs between the first and the last look.
    func digest(
        _ name: String,
        sink: (UnsafeRawBufferPointer) throws(ModelFolderFault) -> Void = { _ throws(ModelFolderFault) in }
    ) throws(ModelFolderFault) -> ScannedFile {
        let file = try open(name)
        let before = try ModelFolderFault.wrapping { () throws(FileFault) in try file.status() }
        var hasher = SHA256()
        var total = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunkSize, alignment: 4096)
        defer { buffer.deallocate() }
        while true {
            let count = Glibc.read(file.raw, buffer.baseAddress, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw ModelFolderFault(FileFault("read", path: "\(path)/\(name)"))
            }
            guard count > 0 else { break }
            let chunk = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hasher.update(bufferPointer: chunk)
            try sink(chunk)
            total += count
        }
        let after = try ModelFolderFault.wrapping { () throws(FileFault) in try file.status() }
        guard before.fingerprint == after.fingerprint, total == Int(after.st_size) else {
            throw ModelFolderFault(
                .changedWhileReading,
                path: "\(path)/\(name)",
                "\(path)/\(name) was altered while it was read",
                hint: "wait until whatever writes it has finished, then try again"
            )
        }
        return ScannedFile(
            name: name,
            size: total,
            sha256: hasher.finalize().hexadecimal,
            modifiedNanoseconds: after.st_mtim.nanoseconds
        )
    }

    /// All bytes of a small file; refuses one above `limit` bytes.
    func contents(_ name: String, limit: Int) throws(ModelFolderFault) -> [UInt8] {
        let file = try open(name)
        do {
            return try DurableFile.contents(of: file, path: "\(path)/\(name)", limit: limit)
        } catch {
            guard error.errorNumber == EFBIG else { throw ModelFolderFault(error) }
            throw ModelFolderFault(
                .tooLarge,
                path: "\(path)/\(name)",
                "\(path)/\(name) is larger than \(limit) bytes",
                hint: "check that this file has the role it is given"
            )
        }
    }
}

extension stat {
    /// What stays equal for as long as nobody writes to a file, replaces it or links it.
    var fingerprint: [Int] {
        [
            Int(bitPattern: st_dev), Int(bitPattern: UInt(st_ino)), Int(st_size), st_mtim.nanoseconds,
            st_ctim.nanoseconds,
        ]
    }
}

extension timespec {
    /// Nanoseconds since 1970, saturating far outside the calendar.
    var nanoseconds: Int {
        let (product, overflow) = tv_sec.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (tv_sec < 0 ? Int.min : Int.max) : product.addingReportingOverflow(tv_nsec).partialValue
    }
}
