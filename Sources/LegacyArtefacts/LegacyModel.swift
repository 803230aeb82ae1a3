import CanonicalJSON
import DurableFiles
import Glibc
package import IndexFiles

/// Who can answer with a version, and why.
package struct Servability: Equatable, Sendable {
    /// The three ways.
    package enum Kind: String, Sendable {
        /// Made by this program.
        case native
        /// Made by Python, and everything that serving needs can be read here.
        case imported
        /// Made by Python, and something in it only Python can compute: it is kept and listed, not served.
        case pythonOnly = "python-only"
    }

    package let kind: Kind
    /// One sentence for the operator.
    package let reason: String

    package init(_ kind: Kind, _ reason: String) { (self.kind, self.reason) = (kind, reason) }
}

/// A model folder as a Python plant made it.
package enum LegacyModel {
    /// The files that serving needs, by the names that the plant's program gives them.
    package static let encoderFile = "encoder.joblib"
    package static let itemsFile = "item_ids.joblib"
    package static let indexFile = "hnsw_index.bin"

    private static let metadataFile = "training_metadata.json"

    /// Says whether a version can be served here, and why; reads the files and changes nothing.
    ///
    /// A folder of this program's own trainer is native where it has `nativeEncoder`. Else it is imported where the encoder and the part
    /// numbers are read in full, and both fit the index; anything else is python-only, with the name of what is not imported. The reason
    /// names files without their folder.
    package static func examine(_ folder: String, nativeEncoder: String = "encoder.json") -> Servability {
        let metadata = metadata(folder)
        let hasEncoder = access("\(folder)/\(encoderFile)", F_OK) == 0
        if !hasEncoder, metadata?["producer"]?.text == "daybook", access("\(folder)/\(nativeEncoder)", F_OK) == 0 {
            guard let source = metadata?["imported_from"]?["version"]?.text else {
                return Servability(.native, "made by this program")
            }
            return Servability(.native, "imported from \(source): it finds parts that are alike, and has no routings")
        }
        guard hasEncoder else {
            return Servability(.pythonOnly, "it was made elsewhere and has no \(encoderFile)")
        }
        do {
            return try imported(folder)
        } catch {
            return Servability(.pythonOnly, error.message.replacing("\(folder)/", with: ""))
        }
    }

    private static func imported(_ folder: String) throws(LegacyFault) -> Servability {
        let encoder = try LegacyEncoder(reading: "\(folder)/\(encoderFile)")
        let items = try LegacyItems(reading: "\(folder)/\(itemsFile)")
        let header = try indexHeader("\(folder)/\(indexFile)")
        guard header.dimension == encoder.outputCount else {
            return Servability(
                .pythonOnly,
                "\(indexFile) holds vectors of dimension \(header.dimension), the encoder makes \(encoder.outputCount) numbers"
            )
        }
        guard header.count == items.ids.count else {
            return Servability(
                .pythonOnly,
                "\(indexFile) holds \(header.count) elements, \(itemsFile) names \(items.ids.count) parts"
            )
        }
        let version = encoder.scikitLearn.map { " of scikit-learn \($0)" } ?? ""
        return Servability(
            .imported,
            "the encoder\(version) is read in full: \(encoder.inputs.count) columns to \(encoder.outputCount) numbers, \(items.ids.count) parts"
        )
    }

    private static func metadata(_ folder: String) -> JSONValue? {
        guard let bytes = try? DurableFile.read("\(folder)/\(metadataFile)", limit: 1 << 20) else { return nil }
        return try? JSONReader.plain(bytes)
    }

    /// What the header of a folder's index says; throws ``LegacyFault`` for a file that is none.
    package static func header(of folder: String) throws(LegacyFault) -> IndexHeader {
        try indexHeader("\(folder)/\(indexFile)")
    }

    private static func indexHeader(_ path: String) throws(LegacyFault) -> IndexHeader {
        do {
            let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
            let descriptor = file.raw
            return try IndexHeader.parse(fileSize: Int(try file.status().st_size)) { offset, count throws(FileFault) in
                try FileDescriptor.part(descriptor, offset: offset, count: count, path: path)
            }
        } catch let error as FileFault {
            throw LegacyFault(error)
        } catch let error as IndexHeaderError {
            throw LegacyFault(
                .damaged,
                "\(path) is not a sound hnswlib index: it \(error.clause)",
                hint: "copy the file again from the plant that made it"
            )
        } catch {
            preconditionFailure("reading a header throws only FileFault and IndexHeaderError")
        }
    }
}
