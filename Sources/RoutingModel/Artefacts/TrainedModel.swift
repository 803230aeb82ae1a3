internal import DurableFiles
internal import Foundation
package import PlantTables

/// A model as it lies in a version's folder, ready to be asked.
package struct TrainedModel: Sendable {
    package let encoder: PartEncoder
    package let learning: WeightLearning.Outcome?
    /// The plant's code of each part.
    package let items: [String]
    package let operations: OperationList
    package let routings: RoutingColumns
    package let parts: PlantTable
    package let times: TimeModel
    package let confidence: ConfidenceModel
    package let index: NeighbourIndex
    /// Neighbours whose routings are merged, unless asked otherwise.
    package let neighbours: Int
    /// What differs between what made it and this program, in words for people; empty where nothing does.
    package let warnings: [String]
    private let places: [String: Int]
    /// Whether every part has a routing: then each neighbour is evidence, and a search needs no filter.
    let isRoutedThroughout: Bool

    /// A model of its parts; the index has a label for each part.
    package init(_ fitted: FittedModel, _ set: TrainingSet, index: NeighbourIndex, neighbours: Int) {
        self.init(
            encoder: fitted.encoder,
            learning: fitted.learning,
            items: set.items,
            places: Self.places(of: set.items),
            operations: set.operations,
            routings: set.routings,
            parts: set.parts,
            times: fitted.times,
            confidence: fitted.confidence,
            index: index,
            neighbours: neighbours
        )
    }

    private init(
        encoder: PartEncoder,
        learning: WeightLearning.Outcome?,
        items: [String],
        places: [String: Int],
        operations: OperationList,
        routings: RoutingColumns,
        parts: PlantTable,
        times: TimeModel,
        confidence: ConfidenceModel,
        index: NeighbourIndex,
        neighbours: Int,
        warnings: [String] = []
    ) {
        self.warnings = warnings
        (self.encoder, self.learning, self.items, self.operations) = (encoder, learning, items, operations)
        (self.routings, self.parts, self.times, self.confidence) = (routings, parts, times, confidence)
        (self.index, self.neighbours) = (index, neighbours)
        isRoutedThroughout = !routings.firsts.indices.dropFirst().contains {
            routings.firsts[$0] == routings.firsts[$0 - 1]
        }
        self.places = places
    }

    private static func places(of items: [String]) -> [String: Int] {
        Dictionary(items.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The place of a part by the plant's code; nil for one that the model has not.
    package func place(of item: String) -> Int? { places[item] }

    // MARK: - Files

    /// Writes the model's own files into a folder: encoder, weights, index, codes, routings, parts, times.
    package func write(to folder: String) throws {
        func put(_ name: String, _ bytes: [UInt8]) throws { try DurableFile.write(bytes, to: "\(folder)/\(name)") }
        try put(ModelFiles.encoder, try ModelFiles.json(encoder))
        let weights = WeightDocument(
            featureWeights: Dictionary(
                uniqueKeysWithValues: zip(encoder.blocks.map(\.feature.name), encoder.weights)
            ),
            learning: learning.map { WeightDocument.Learning(before: $0.before, after: $0.after) }
        )
        try put(ModelFiles.weights, try ModelFiles.json(weights))
        try put(ModelFiles.ids, try ModelFiles.json(items))
        let document = ModelDocument(
            operations: operations,
            times: times,
            confidence: confidence,
            neighbours: neighbours,
            index: ModelDocument.Index(index.parameters)
        )
        try put(ModelFiles.model, try ModelFiles.json(document))
        try put(ModelFiles.routings, RoutingFile.bytes(of: routings))
        try put(ModelFiles.parts, TableFile(tables: [parts.name: parts]).encoded)
        try index.save(to: "\(folder)/\(ModelFiles.index)")
    }

    /// Reads a model from a version's folder, and checks that its files fit each other.
    ///
    /// That they are the registered ones is for the caller to have checked against the manifest.
    package static func read(_ folder: String) throws -> TrainedModel {
        guard !ImportedModel.isImported(folder) else {
            throw RoutingModelFault(
                .unsupported,
                "\(folder) was imported from a Python plant: it finds parts that are alike and has no routings",
                hint: "ask it for similar parts, or train a version for proposals"
            )
        }
        let warnings = try LoaderRule.admit(folder)
        let encoder = try ModelFiles.value(PartEncoder.self, in: folder, ModelFiles.encoder)
        let document = try ModelFiles.value(ModelDocument.self, in: folder, ModelFiles.model)
        let expected = try document.index.parameters(dimension: encoder.dimension)
        // Index and codes are half of the work: whoever waits for a version waits for the longer half.
        let ((index, items, places), (routings, tables)) = try InParallel.both {
            let index = try NeighbourIndex.load("\(folder)/\(ModelFiles.index)", expecting: expected)
            let items = try ModelFiles.texts(in: folder, ModelFiles.ids)
            return (index, items, Self.places(of: items))
        } _: {
            let routings = try RoutingFile.routings(
                try ModelFiles.read("\(folder)/\(ModelFiles.routings)"),
                operations: document.operations.codes.count,
                path: "\(folder)/\(ModelFiles.routings)"
            )
            let tables = try TableFile(decoding: try ModelFiles.read("\(folder)/\(ModelFiles.parts)")).tables
            return (routings, tables)
        }
        guard let parts = tables["ItemMaster"] else {
            throw RoutingModelFault(
                .damaged,
                "\(folder)/\(ModelFiles.parts) has no table of parts",
                hint: "restore the version's folder from a backup"
            )
        }
        guard items.count == routings.count, items.count == parts.rowCount, items.count == index.count else {
            throw RoutingModelFault(
                .damaged,
                "the files of \(folder) are not of one model: \(items.count) codes, \(routings.count) routings, "
                    + "\(parts.rowCount) parts, \(index.count) vectors",
                hint: "restore the version's folder from a backup"
            )
        }
        return TrainedModel(
            encoder: encoder,
            learning: nil,
            items: items,
            places: places,
            operations: document.operations,
            routings: routings,
            parts: parts,
            times: document.times,
            confidence: document.confidence,
            index: index,
            neighbours: document.neighbours,
            warnings: warnings
        )
    }
}
