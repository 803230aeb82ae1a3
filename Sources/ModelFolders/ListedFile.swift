import CanonicalJSON
import Crypto
package import DurableFiles
import Glibc

/// One file of a registered version, open for reading, with the digest that it must have.
package final class ListedFile: Sendable {
    /// The path beneath the home.
    package let path: String
    /// Size in bytes, as it was when it was opened.
    package let size: Int
    /// The SHA-256 that it was registered with, in hexadecimal.
    package let sha256: String
    /// What stays equal for as long as nobody writes to the file.
    package let fingerprint: [Int]
    private let expectedSize: Int?
    private let file: FileDescriptor

    /// Opens `models/<folder>/<name>` by the kernel's rule: no link, no way out, a plain file with one name.
    package init(
        home: String,
        folder: String,
        name: String,
        size: Int?,
        sha256: String
    ) throws(ModelFolderFault) {
        path = "models/\(SafeName.printable(folder.utf8))/\(SafeName.printable(name.utf8))"
        let models = try FolderReader.models(home: home)
        file = try FolderReader(folder, beneath: models).open(name)
        do throws(FileFault) {
            let status = try file.status()
            self.size = Int(status.st_size)
            fingerprint = status.fingerprint
        } catch {
            throw ModelFolderFault(error)
        }
        self.sha256 = sha256
        expectedSize = size
    }

    /// Reads all of it and says whether it is what was registered; blocks.
    package func isAsListed() throws(FileFault) -> Bool {
        guard expectedSize ?? size == size else { return false }
        var hasher = SHA256()
        var offset = 0
        while offset < size {
            let part = try read(at: offset, count: FolderReader.chunkSize)
            guard !part.isEmpty else { return false }
            hasher.update(data: part)
            offset += part.count
        }
        guard try isUnchanged() else { return false }
        return hasher.finalize().hexadecimal == sha256
    }

    /// Whether nobody wrote to it since it was opened.
    package func isUnchanged() throws(FileFault) -> Bool { try file.status().fingerprint == fingerprint }

    /// At most `count` bytes from an offset on; none at the end.
    package func read(at offset: Int, count: Int) throws(FileFault) -> [UInt8] {
        let raw = file.raw
        var failure: Int32?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialised in
            var got = pread(raw, buffer.baseAddress, count, off_t(offset))
            while got < 0 && errno == EINTR { got = pread(raw, buffer.baseAddress, count, off_t(offset)) }
            failure = got < 0 ? errno : nil
            initialised = max(0, got)
        }
        if let failure { throw FileFault("read", path: path, errorNumber: failure) }
        return bytes
    }
}
