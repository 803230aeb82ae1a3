internal import CanonicalJSON
internal import DurableFiles
internal import Foundation
internal import PlantTables
internal import RoutingModel

/// The folder of a version, on its way to registration.
///
/// Nothing in it depends on the clock: the same data, settings and software give the same bytes.
struct ModelPackage: Sendable {
    private let request: TrainingRequest
    private let source: TrainingSource
    private let set: TrainingSet
    private let model: TrainedModel
    private let report: QualityReport

    init(
        _ request: TrainingRequest,
        source: TrainingSource,
        set: TrainingSet,
        model: TrainedModel,
        report: QualityReport
    ) {
        (self.request, self.source, self.set, self.model, self.report) = (request, source, set, model, report)
    }

    private static let names = [
        ModelFiles.encoder, ModelFiles.weights, ModelFiles.index, ModelFiles.ids, ModelFiles.model,
        ModelFiles.routings, ModelFiles.parts, ModelFiles.statistics, ModelFiles.quality, ModelFiles.qualityText,
        ModelFiles.card, ModelFiles.metadata,
    ].sorted()

    var fileCount: Int { Self.names.count }

    /// Writes every file into a new folder; returns the SHA-256 over names and digests of all.
    func write(to folder: String) throws -> String {
        try DurableFile.makeDirectory(folder, mode: 0o755)
        try model.write(to: folder)
        func put(_ name: String, _ bytes: [UInt8]) throws { try DurableFile.write(bytes, to: "\(folder)/\(name)") }
        try put(ModelFiles.statistics, try ModelFiles.json(set.report))
        try put(ModelFiles.quality, try ModelFiles.json(report))
        try put(ModelFiles.qualityText, Array(report.markdown.utf8))
        try put(ModelFiles.card, Array(card.utf8))
        try put(ModelFiles.metadata, Array((metadata.prettyText + "\n").utf8))
        let lines = try Self.names.map { "\(try Digests.ofFile("\(folder)/\($0)"))  \($0)\n" }
        return Digests.of(Array(lines.joined().utf8))
    }

    private var metadata: JSONValue {
        let parameters = model.index.parameters
        var members: [String: JSONValue] = Software.versions(program: request.programVersion).mapValues { .string($0) }
        members["producer"] = "daybook"
        members["rows"] = .integer(set.items.count)
        members["dimension"] = .integer(model.encoder.dimension)
        members["hnsw"] = [
            "space": .string(parameters.space.rawValue), "M": .integer(parameters.m),
            "ef_construction": .integer(parameters.efConstruction), "random_seed": .integer(Int(parameters.seed)),
            "kernel": .string(parameters.kernel),
        ]
        members["dataset_digest"] = .string(source.digest)
        members["source"] = [
            "kind": .string(request.sourceKind), "name": .string(request.sourceName), "content": source.lineage,
        ]
        members["settings"] = .object(request.settings.values)
        members["slots"] = .array(model.encoder.meanings.map { .string($0) })
        members["change_scope"] = .array(request.scopes.map { .string($0) })
        return .object(members)
    }

    /// What the model is for, what it was made of, and where it must not be trusted.
    private var card: String {
        let held = report.evaluations.first { $0.split == .heldOut } ?? report.evaluations.first
        let family = report.evaluations.first { $0.split == .newFamily }
        func share(_ value: Double?) -> String { value.map { String(format: "%.0f %%", $0 * 100) } ?? "unknown" }
        let features = model.encoder.blocks.map(\.feature.name).joined(separator: ", ")
        return """
            # Model card

            **For**: proposing the routing of a new part, with set-up and run minutes, from parts that are like it. A process engineer
            decides; a proposal below the plant's gate of confidence is no recommendation.

            **Made of**: \(set.items.count) parts and \(set.routings.operations.count) operations of \(request.sourceName) \
            (\(request.sourceKind)); data digest `\(source.digest)`. Attributes: \(features).

            **How**: attributes become \(model.encoder.dimension) numbers; the \(model.neighbours) nearest parts are found with HNSW; the
            routing is the one to which theirs are nearest. Minutes come from a regression for each operation. Weights of attributes
            were \(model.learning == nil ? "given" : "learned from the routings").

            **Worth**: of parts held out at random \(share(held?.model.withinOneEdit)) needed one edit at most; of whole groups that it had \
            never seen \(share(family?.model.withinOneEdit)). All numbers, beside what chance and one fixed routing give: \
            `\(ModelFiles.qualityText)`.

            **Not for**: parts unlike all that the plant has made (the confidence is 0 beyond the known distances), quotations without a
            person's look, capacity planning to the minute.

            """
    }
}
