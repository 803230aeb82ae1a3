import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

@testable import RoutingModel

/// Vectors for tests: clusters, as parts of a plant lie.
enum IndexSamples {
    static func vectors(_ count: Int, dimension: Int, seed: UInt64 = 7) -> [Float] {
        var random = SeededGenerator(seed: seed)
        let centres = (0..<20 * dimension).map { _ in Float.random(in: -4...4, using: &random) }
        var result: [Float] = []
        result.reserveCapacity(count * dimension)
        for _ in 0..<count {
            let centre = Int.random(in: 0..<20, using: &random) * dimension
            for slot in 0..<dimension { result.append(centres[centre + slot] + .random(in: -1...1, using: &random)) }
        }
        return result
    }

    static func index(
        _ count: Int = 2000,
        dimension: Int = 16,
        space: IndexParameters.Space = .l2,
        m: Int = 8
    ) throws -> NeighbourIndex {
        let parameters = try IndexParameters(space, dimension: dimension, m: m, efConstruction: 60)
        return try NeighbourIndex.build(vectors(count, dimension: dimension), parameters)
    }

    static func query(_ row: Int, of vectors: [Float], dimension: Int) -> [Float] {
        Array(vectors[row * dimension..<(row + 1) * dimension])
    }

    /// The legacy model's folder and its recorded queries; nil, with one line, where the data is absent.
    static func legacy(_ version: String) throws -> (folder: String, queries: JSONValue)? {
        guard let data = ProcessInfo.processInfo.environment["DAYBOOK_TEST_DATA"] else {
            print("skipped: legacy index files: DAYBOOK_TEST_DATA is not set")
            return nil
        }
        let folder = "\(data)/legacy-models/\(version)"
        let text = try Data(contentsOf: URL(filePath: "\(folder).queries.json"))
        return (folder, try JSONReader.plain(String(decoding: text, as: UTF8.self)))
    }

    /// The floating point numbers of a JSON array.
    static func floats(_ value: JSONValue?) -> [Float] {
        (value?.elements ?? []).compactMap { number in
            switch number {
            case .integer(let value): Float(value)
            case .decimal(let text): Float(text)
            default: nil
            }
        }
    }
}
