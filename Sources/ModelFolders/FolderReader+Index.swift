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
                try FileDescriptor.part(descriptor, offset: offset, count: count, path: place)
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
