import CanonicalJSON
import IndexFiles

/// What a folder's `training_metadata.json` tells about how, and with what, the model was made.
///
/// A field that the file lacks is nil here and stands in ``unknownFields``; a field of the wrong type is refused, never
/// guessed. Other fields are allowed and stay in the file, which the manifest lists with its digest.
package struct TrainingMetadata: Equatable, Sendable {
    /// Numbers per vector.
    package let dimension: Int?
    /// The distance of the index: `l2`, `ip` or `cosine`.
    package let space: String?
    /// Links per element of the index.
    package let m: Int?
    /// Breadth of the search while the index was built.
    package let efConstruction: Int?
    /// Seed of the index's levels.
    package let seed: Int?
    /// The runtime versions that the file tells, by the manifest's keys.
    package let runtime: [String: String]
    /// SHA-256 of the data set that the model was trained on.
    package let datasetDigest: String?
    /// What changed since the version before, as the file tells it.
    package let changeScopes: [String]
    /// The version that the file names, if it does.
    package let statedVersion: String?
    /// Whether this project's trainer made the folder: `"producer": "daybook"`.
    package let isNative: Bool
    /// The fields that the file lacks and that the manifest shows as `unknown`, by their path in the file, sorted.
    package let unknownFields: [String]

    /// The runtime components of a manifest, in alphabetical order.
    package static let runtimeKeys = ["hnswlib", "joblib", "platform", "python", "scikit_learn", "swift"]
    /// The greatest file that is read, in bytes.
    static let sizeLimit = 1 << 20
    /// What a folder of our own trainer may not lack.
    private static let requiredOfNative: Set<String> = [
        "dimension", "hnsw.space", "hnsw.M", "hnsw.ef_construction", "hnsw.random_seed", "swift", "platform",
        "dataset_digest",
    ]

    /// What an import may not lack: the plant's program need not have told seed and data.
    private static let requiredOfImported = requiredOfNative.subtracting(["hnsw.random_seed", "dataset_digest"])

    /// Reads the bytes of a metadata file; `path` is for messages.
    ///
    /// Throws ``ModelFolderFault`` with code `badMetadata` for bytes that are not a JSON object, a field of the wrong type
    /// or out of range, and any missing field of a folder that says it is ours.
    package static func read(_ bytes: [UInt8], path: String) throws(ModelFolderFault) -> TrainingMetadata {
        let document: JSONValue
        do {
            document = try JSONReader.plain(bytes)
        } catch {
            throw ModelFolderFault(
                .badMetadata,
                path: path,
                "\(path) is not JSON: \(error.message)" + (error.offset.map { " at byte \($0)" } ?? ""),
                hint: "write it as one JSON object",
                cause: error
            )
        }
        var fields = try MetadataFields(document: document, path: path)
        let dimension = try fields.integer(["dimension"], 1...65_536)
        let space = try fields.text(["hnsw", "space"], oneOf: ["l2", "ip", "cosine"])
        let m = try fields.integer(["hnsw", "M"], 2...10_000)
        let efConstruction = try fields.integer(["hnsw", "ef_construction"], 1...1_000_000)
        let seed = try fields.integer(["hnsw", "random_seed"], 0...JSONValue.greatestInteger)
        var runtime: [String: String] = [:]
        for key in runtimeKeys { runtime[key] = try fields.text([key]) }
        let digest = try fields.digest(["dataset_digest"])
        let isNative = document["producer"]?.text == "daybook"
        let unknown = fields.missing.sorted()
        let required = document["imported_from"] == nil ? requiredOfNative : requiredOfImported
        let lacking = unknown.filter(required.contains)
        guard !isNative || lacking.isEmpty else {
            throw ModelFolderFault(
                .badMetadata,
                path: path,
                "\(path) lacks \(lacking.joined(separator: ", ")), which a folder of our own trainer may not",
                hint: "train again, or add the missing fields; only a folder from elsewhere may leave fields unknown"
            )
        }
        return TrainingMetadata(
            dimension: dimension,
            space: space,
            m: m,
            efConstruction: efConstruction,
            seed: seed,
            runtime: runtime,
            datasetDigest: digest,
            changeScopes: try fields.scopes(["change_scope"]),
            statedVersion: document["version"]?.text,
            isNative: isNative,
            unknownFields: unknown
        )
    }
}

extension TrainingMetadata {
    /// Refuses an index whose header tells other numbers than this file, naming both.
    func checkAgreement(with header: IndexHeader, index: String, metadata: String) throws(ModelFolderFault) {
        func compare(_ name: String, _ told: Int?, _ found: Int) throws(ModelFolderFault) {
            guard let told, told != found else { return }
            throw ModelFolderFault(
                .badIndex,
                path: index,
                "\(index) was built with \(name) \(found), but \(metadata) says \(told)",
                hint: "the two files are not of one model; put the matching pair into the folder"
            )
        }
        try compare("dimension", dimension, header.dimension)
        try compare("M", m, header.m)
        // hnswlib builds with at least M, and stores what it built with.
        try compare("ef_construction", efConstruction.map { max($0, m ?? header.m) }, header.efConstruction)
    }
}

/// The typed fields of a metadata document; remembers which were asked for and not there.
private struct MetadataFields {
    let document: JSONValue
    let path: String
    var missing: [String] = []

    init(document: JSONValue, path: String) throws(ModelFolderFault) {
        guard document.members != nil else {
            throw ModelFolderFault(
                .badMetadata,
                path: path,
                "\(path) holds a JSON \(document.kind), not an object",
                hint: "write it as one JSON object"
            )
        }
        self.document = document
        self.path = path
    }

    /// The value of a field, nil if it or an object on the way is absent or null.
    private mutating func value(_ keys: [String]) throws(ModelFolderFault) -> JSONValue? {
        var place = document
        for (depth, key) in keys.enumerated() {
            guard place.members != nil else { throw wrong(Array(keys[..<depth]), "an object", place) }
            guard let next = place[key], next != .null else {
                missing.append(keys.joined(separator: "."))
                return nil
            }
            place = next
        }
        return place
    }

    mutating func integer(_ keys: [String], _ range: ClosedRange<Int>) throws(ModelFolderFault) -> Int? {
        guard let value = try value(keys) else { return nil }
        guard let number = value.number, range ~= number else {
            throw wrong(keys, "an integer from \(range.lowerBound) to \(range.upperBound)", value)
        }
        return number
    }

    mutating func text(_ keys: [String], oneOf allowed: [String]? = nil) throws(ModelFolderFault) -> String? {
        guard let value = try value(keys) else { return nil }
        guard let text = value.text, Manifest.isPlainText(text), allowed?.contains(text) ?? true else {
            let expected = allowed.map { "one of \($0.joined(separator: ", "))" }
            throw wrong(keys, expected ?? "a text of 1 to 100 printable ASCII characters", value)
        }
        return text
    }

    mutating func digest(_ keys: [String]) throws(ModelFolderFault) -> String? {
        guard let value = try value(keys) else { return nil }
        guard let text = value.text, Manifest.isDigest(text) else {
            throw wrong(keys, "a SHA-256 of 64 lower-case hexadecimal digits", value)
        }
        return text
    }

    /// A list of change scopes; absent means none, and is not counted as missing.
    func scopes(_ keys: [String]) throws(ModelFolderFault) -> [String] {
        guard let value = document[keys[0]], value != .null else { return [] }
        let scopes = value.elements?.compactMap(\.text) ?? []
        guard let elements = value.elements, elements.count == scopes.count, scopes.count <= 32,
            scopes.allSatisfy(Manifest.isScope)
        else { throw wrong(keys, "a list of at most 32 scopes like preprocessing or embedding_params", value) }
        return Array(Set(scopes)).sorted()
    }

    private func wrong(_ keys: [String], _ expected: String, _ found: JSONValue) -> ModelFolderFault {
        let place = keys.joined(separator: ".")
        let shown = SafeName.printable(found.prettyText.utf8.prefix(60))
        return ModelFolderFault(
            .badMetadata,
            path: path,
            "\(place) in \(path) is \(shown), not \(expected)",
            hint: "correct the field, or leave it out of a folder from elsewhere to register it as unknown"
        )
    }
}
