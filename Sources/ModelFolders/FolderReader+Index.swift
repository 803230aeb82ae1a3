import DurableFiles
import Glibc
import IndexFiles

extension FolderReader {
    /// The checked header of an index file in this folder; throws ``ModelFolderFault`` with code `badIndex`.
    func indexHeader(_ name: String) throws(ModelFolderFault) -> IndexHeader {
        let file = try open(name)
        let place = "\(path)/\(name)"
        do {
            let descriptor = file.raw
            return try IndexHeader.parse(fileSize: Int(try file.status().st_size)) { offset, count throws(FileFault) in
                try readPart(descriptor, offset: offset, count: count, path: place)
            }
        } catch let error as IndexHeaderError {
            throw ModelFolderFault(
                .badIndex,
                path: place,
                "\(place) is not a sound hnswlib index: it \(error.clause)",
                hint: "save the index again and check that the disk was not full"
            )
        } catch let error as FileFault {
            throw ModelFolderFault(error)
        } catch {
            preconditionFailure("reading an index throws only IndexHeaderError and FileFault")
        }
    }
}

private func readPart(_ descriptor: Int32, offset: Int, count: Int, path: String) throws(FileFault) -> [UInt8] {
    var failed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        while filled < count {
            let got = pread(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, offset + filled)
            if got < 0, errno == EINTR { continue }
            failed = got < 0
            guard got > 0 else { break }
            filled += got
        }
    }
    guard !failed else { throw FileFault("read", path: path) }
    return bytes
}
