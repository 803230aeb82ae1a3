import CHNSW
import DurableFiles
import Glibc
import IndexFiles

extension NeighbourIndex {
    /// Writes the index as hnswlib does, whole or not at all: a temporary file, its size compared, fsync, rename, fsync of the folder.
    ///
    /// Python's hnswlib 0.6 to 0.8 reads it. On a full disk it throws `inputOutput`, and what stood there stands untouched.
    package func save(to path: String) throws(RoutingModelFault) {
        let expected = fileSize
        do {
            try DurableFile.write(to: path) { file throws(FileFault) in
                var failure = chnsw_failure()
                guard chnsw_write(graph, file.raw, &failure) == 0 else {
                    throw FileFault("write", path: path, errorNumber: failure.number == 0 ? EIO : failure.number)
                }
                guard Int(try file.status().st_size) == expected else {
                    throw FileFault("write all \(expected) bytes of", path: path, errorNumber: EIO)
                }
            }
        } catch {
            throw RoutingModelFault(.inputOutput, error.description, hint: error.hint, cause: error)
        }
    }

    /// Reads an index file of hnswlib 0.6 to 0.8, Python's or ours, after its numbers, levels, links, labels and vectors were checked.
    ///
    /// Throws `damaged` for a file that no index can be, or one with other parameters than expected (the seed and the space stand
    /// in no file). hnswlib's own loader, which trusts what it reads, is never called. The vectors lie in memory once.
    package static func load(
        _ path: String,
        expecting parameters: IndexParameters
    ) throws(RoutingModelFault) -> NeighbourIndex {
        try demandProcessor()
        do {
            let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
            let header = try readHeader(file, path)
            try compare(header, parameters, path)
            var numbers = chnsw_header(
                capacity: UInt64(header.capacity),
                count: UInt64(header.count),
                m: UInt64(header.m),
                ef_construction: UInt64(header.efConstruction),
                dimension: UInt64(header.dimension),
                top_level: Int32(header.topLevel),
                entry_point: header.entryPoint
            )
            var failure = chnsw_failure()
            guard let graph = chnsw_read(file.raw, parameters.kernelSpace, &numbers, &failure) else {
                throw RoutingModelFault(failure, path)
            }
            return NeighbourIndex(sealed: graph, parameters)
        } catch let fault as RoutingModelFault {
            throw fault
        } catch let fault as FileFault {
            throw RoutingModelFault(.inputOutput, fault.description, hint: fault.hint, cause: fault)
        } catch {
            throw damaged(path, "cannot be read: \(error)")
        }
    }

    private static func readHeader(_ file: borrowing FileDescriptor, _ path: String) throws -> IndexHeader {
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG else { throw damaged(path, "is not a plain file") }
        let descriptor = file.raw
        do {
            return try IndexHeader.parse(fileSize: Int(status.st_size)) { offset, count throws(FileFault) in
                try FileDescriptor.part(descriptor, offset: offset, count: count, path: path)
            }
        } catch let error as IndexHeaderError {
            throw damaged(path, error.clause)
        }
    }

    private static func compare(
        _ header: IndexHeader,
        _ parameters: IndexParameters,
        _ path: String
    ) throws(RoutingModelFault) {
        let pairs = [
            ("dimension", header.dimension, parameters.dimension), ("M", header.m, parameters.m),
            ("ef_construction", header.efConstruction, parameters.efConstruction),
        ]
        for (name, found, expected) in pairs where found != expected {
            throw damaged(path, "was built with \(name) \(found), where \(expected) is expected")
        }
        guard header.count < 1 << 31 else { throw damaged(path, "claims \(header.count) elements") }
    }

    private static func damaged(_ path: String, _ clause: String) -> RoutingModelFault {
        RoutingModelFault(
            .damaged,
            "\(path) is not a sound hnswlib index: it \(clause)",
            hint: "take the file from a backup, or train the version again"
        )
    }
}
