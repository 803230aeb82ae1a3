internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Foundation
internal import ModelFolders
internal import PlantTables
internal import RoutingModel

/// SHA-256 of what steps make.
enum Digests {
    static func of(_ bytes: [UInt8]) -> String { SHA256.hash(data: bytes).hexadecimal }

    /// The digest of several files' bytes, end to end.
    static func of(parts: [[UInt8]]) -> String {
        var hash = SHA256()
        for part in parts { hash.update(data: part) }
        return hash.finalize().hexadecimal
    }

    /// The bytes of a training set's files, which its digest is over.
    static func parts(of set: TrainingSet) throws -> [[UInt8]] {
        [
            try ModelFiles.json(set.items), try ModelFiles.json(set.operations), set.routings.bytes,
            TableFile(tables: [set.parts.name: set.parts]).encoded, try ModelFiles.json(set.report),
        ]
    }

    /// The bytes of a fitted model's files, which its digest is over.
    static func parts(of fitted: FittedModel) throws -> [[UInt8]] {
        [
            try ModelFiles.json(fitted.encoder), try ModelFiles.json(fitted.times),
            try ModelFiles.json(fitted.confidence), try ModelFiles.json(fitted.learning),
        ]
    }

    static func ofFile(_ path: String) throws -> String {
        guard let file = FileHandle(forReadingAtPath: path) else { throw FileFault("read", path: path) }
        defer { try? file.close() }
        var hash = SHA256()
        while let part = try file.read(upToCount: 1 << 20), !part.isEmpty { hash.update(data: part) }
        return hash.finalize().hexadecimal
    }
}

/// What steps counted and decided, for the log.
///
/// Decimals are text: payloads hold no floating point.
enum Facts {
    static func of(_ set: TrainingSet) -> JSONValue {
        var members: [String: JSONValue] = [
            "parts": .integer(set.items.count), "operations": .integer(set.routings.operations.count),
            "operation_codes": .integer(set.operations.codes.count),
            "from_master": .integer(set.report.fromMaster), "from_results": .integer(set.report.fromResults),
        ]
        members["findings"] = .object(
            Dictionary(uniqueKeysWithValues: set.report.findings.map { ($0.key.name, .integer($0.value)) })
        )
        return .object(members)
    }

    static func of(_ fitted: FittedModel) -> JSONValue {
        let weights = zip(fitted.encoder.blocks.map(\.feature.name), fitted.encoder.weights)
        var members: [String: JSONValue] = [
            "dimension": .integer(fitted.encoder.dimension),
            "weights": .object(Dictionary(uniqueKeysWithValues: weights.map { ($0, decimal($1, 3)) })),
        ]
        if let learning = fitted.learning {
            members["similarity_before"] = decimal(learning.before, 4)
            members["similarity_after"] = decimal(learning.after, 4)
        }
        return .object(members)
    }

    static func of(_ index: NeighbourIndex) -> JSONValue {
        [
            "vectors": .integer(index.count), "dimension": .integer(index.parameters.dimension),
            "m": .integer(index.parameters.m), "ef_construction": .integer(index.parameters.efConstruction),
            "seed": .integer(Int(index.parameters.seed)), "kernel": .string(index.parameters.kernel),
        ]
    }

    static func of(_ report: QualityReport, latencies: [(name: String, p50: Double, p95: Double)]) -> JSONValue {
        var splits: [String: JSONValue] = [:]
        for evaluation in report.evaluations {
            let scores = evaluation.model
            splits[evaluation.split.rawValue] = [
                "parts": .integer(scores.parts), "similarity": decimal(scores.similarity, 4),
                "within_one_edit": decimal(scores.withinOneEdit, 4), "exact": decimal(scores.exact, 4),
                "median_ape_percent": decimal(scores.operationTimes.medianAPE, 2),
                "coverage_percent": decimal(scores.operationTimes.coverage, 2),
                "total_median_ape_percent": decimal(scores.totalTimes.medianAPE, 2),
                "random_similarity": decimal(evaluation.random.similarity, 4),
                "consensus_similarity": decimal(evaluation.consensus.similarity, 4),
            ]
        }
        var presets: [String: JSONValue] = [:]
        for (preset, latency) in zip(report.presets, latencies) {
            presets[preset.name] = [
                "ef_search": .integer(preset.ef), "recall": decimal(preset.recall, 4),
                "p50_us": .integer(Int(exactly: latency.p50.rounded()) ?? 0),
                "p95_us": .integer(Int(exactly: latency.p95.rounded()) ?? 0),
            ]
        }
        var members: [String: JSONValue] = ["splits": .object(splits), "presets": .object(presets)]
        members["splits_not_made"] = report.notMade.map { .object($0.mapValues { .string($0) }) }
        return .object(members)
    }

    static func decimal(_ value: Double?, _ digits: Int) -> JSONValue {
        guard let value, value.isFinite else { return .string("unknown") }
        return .string(String(format: "%.\(digits)f", value))
    }
}

/// An error in the words of the log.
struct FailureWords {
    let message: String
    let hint: String

    init(_ error: any Error) {
        switch error {
        case let fault as RoutingModelFault: (message, hint) = (fault.message, fault.hint)
        case let fault as ModelFolderFault: (message, hint) = (fault.message, fault.hint)
        case let fault as any TrainingSourceFault: (message, hint) = (fault.message, fault.hint)
        default: (message, hint) = (String("\(error)".prefix(2_000)), "see what is named, then train again")
        }
    }
}

/// A fault of a source, in words for the log.
package protocol TrainingSourceFault: Error {
    var message: String { get }
    var hint: String { get }
}
