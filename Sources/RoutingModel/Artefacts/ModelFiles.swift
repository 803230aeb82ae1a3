internal import CanonicalJSON
internal import DurableFiles
internal import Foundation

/// The names of the files of a version that we trained.
package enum ModelFiles {
    package static let encoder = "encoder.json"
    package static let weights = "feature_weights.json"
    package static let index = "hnsw_index.bin"
    package static let ids = "item_ids.json"
    package static let model = "model.json"
    package static let routings = "routings.bin"
    package static let parts = "parts.bin"
    package static let statistics = "statistics.json"
    package static let quality = "quality_report.json"
    package static let qualityText = "quality_report.md"
    package static let card = "model_card.md"
    package static let metadata = "training_metadata.json"

    /// JSON of a value, keys in order, one final newline: the same value gives the same bytes.
    package static func json(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        return Array(try encoder.encode(value)) + [0x0a]
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        return decoder
    }

    /// The value of bytes that ``json(_:)`` gave; nil for others.
    package static func value<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) -> Value? {
        try? decoder.decode(type, from: Data(bytes))
    }

    static func value<Value: Decodable>(_ type: Value.Type, in folder: String, _ name: String) throws -> Value {
        let path = "\(folder)/\(name)"
        let bytes = try read(path)
        do {
            return try decoder.decode(type, from: Data(bytes))
        } catch {
            throw damaged(path, cause: error)
        }
    }

    /// The texts of a file that holds nothing else; a general decoder takes half of a start for a hundred thousand of them.
    static func texts(in folder: String, _ name: String) throws(RoutingModelFault) -> [String] {
        let path = "\(folder)/\(name)"
        let bytes = try read(path)
        let values: [JSONValue]?
        do { values = try JSONReader.plain(bytes).elements } catch { throw damaged(path, cause: error) }
        let texts = (values ?? []).compactMap(\.text)
        guard let values, texts.count == values.count else { throw damaged(path) }
        return texts
    }

    private static func damaged(_ path: String, cause: (any Error)? = nil) -> RoutingModelFault {
        RoutingModelFault(
            .damaged,
            "\(path) is not what this program writes",
            hint: "restore the version's folder from a backup, or train again",
            cause: cause
        )
    }

    static func read(_ path: String) throws(RoutingModelFault) -> [UInt8] {
        do {
            return try DurableFile.read(path, limit: 8 << 30)
        } catch {
            throw RoutingModelFault(
                .inputOutput,
                "\(path) cannot be read",
                hint: "see that the file is there and readable",
                cause: error
            )
        }
    }
}

/// What `model.json` holds: all that is small.
struct ModelDocument: Codable {
    static let schema = 1
    var schema = Self.schema
    let operations: OperationList
    let times: TimeModel
    let confidence: ConfidenceModel
    let neighbours: Int
    let index: Index

    /// How the index was built.
    struct Index: Codable {
        let m: Int
        let efConstruction: Int
        let seed: UInt32

        init(_ parameters: IndexParameters) {
            (m, efConstruction, seed) = (parameters.m, parameters.efConstruction, parameters.seed)
        }

        func parameters(dimension: Int) throws(RoutingModelFault) -> IndexParameters {
            try IndexParameters(.l2, dimension: dimension, m: m, efConstruction: efConstruction, seed: seed)
        }
    }
}

/// The weights as people read and edit them.
struct WeightDocument: Codable {
    struct Learning: Codable {
        let before: Double
        let after: Double
    }

    let featureWeights: [String: Double]
    /// Mean similarity of left-out parts before and after learning; absent where the weights were given.
    let learning: Learning?

    enum CodingKeys: String, CodingKey {
        case featureWeights = "feature_weights"
        case learning
    }
}
