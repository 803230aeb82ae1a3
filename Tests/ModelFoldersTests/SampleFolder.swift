import Glibc
import ModelFolders

/// A small, sound model folder that a test makes and then spoils.
struct SampleFolder {
    var files: [String: [UInt8]]

    /// A legacy folder: Python artefacts, with as much metadata as an existing plant tells.
    static let legacy = SampleFolder(files: [
        "encoder.joblib": Array("\u{80}\u{04}not to be loaded".utf8),
        "hnsw_index.bin": IndexFile().bytes,
        "feature_weights.json": Array("{\"feature_weights\":{\"WIDTH_MM\":1.0}}".utf8),
        "item_ids.joblib": Array("ids".utf8),
        "training_metadata.json": Array(
            """
            {"version": "2025.09.15_1", "rows": 2, "dimension": 3, "loss": 0.25,
             "hnsw": {"space": "l2", "M": 4, "ef_construction": 20, "random_seed": 42},
             "python": "3.11.7", "scikit_learn": "1.9.1", "joblib": "1.6.0", "hnswlib": "0.8.0",
             "change_scope": ["preprocessing"]}
            """.utf8
        ),
    ])

    /// Makes the folder at a path, everything old enough to be at rest.
    @discardableResult
    func make(at path: String) throws -> String {
        guard mkdir(path, 0o755) == 0 else { throw MakeError(path: path) }
        for (name, bytes) in files { try write(bytes, to: "\(path)/\(name)") }
        setTime(path, 1_700_000_000)
        return path
    }

    struct MakeError: Error {
        let path: String
    }
}

/// The bytes of an hnswlib index, every number of which can be spoiled.
struct IndexFile {
    var capacity = 2
    var count = 2
    var m = 4
    var dimension = 3
    var efConstruction = 20
    var topLevel: Int32 = 1
    var entryPoint: UInt32 = 0
    /// Bytes of each element's link list on the upper levels.
    var listLengths = [20, 0]

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        let links = 8 * m + 4
        let vector = 4 * dimension
        for value in [0, capacity, count, links + vector + 8, links + vector, links] { append(UInt64(value)) }
        append(topLevel)
        append(entryPoint)
        for value in [m, 2 * m, m] { append(UInt64(value)) }
        append(0.72.bitPattern)
        append(UInt64(efConstruction))
        for element in 0..<max(0, count) {
            bytes.append(contentsOf: repeatElement(0, count: links + vector))
            append(UInt64(element))
        }
        for length in listLengths {
            append(UInt32(length))
            bytes.append(contentsOf: repeatElement(0, count: length))
        }
        return bytes
    }
}
