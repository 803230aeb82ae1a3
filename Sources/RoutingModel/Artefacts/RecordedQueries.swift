package import CanonicalJSON
internal import LegacyArtefacts

/// Questions and answers that the plant's own program recorded: what an imported model must give too.
///
/// `{"k": 10, "ef_search": 200, "space": "l2", "queries": [{"item_cd": …, "vector": […], "neighbours": […], "distances": […]}]}`; a query may
/// have the part's attributes as `row`.
package struct RecordedQueries: Sendable {
    /// One question and its answer.
    package struct Query: Sendable {
        let item: String?
        let row: JSONValue?
        let vector: [Float]
        let neighbours: [Int]
        let distances: [Float]
    }

    package let space: String?
    package let queries: [Query]
    private let k: Int
    private let ef: Int

    /// Reads a document; throws `badQuery` naming the first member that is not as above.
    package init(_ document: JSONValue) throws(RoutingModelFault) {
        guard let k = document["k"]?.number, let ef = document["ef_search"]?.number, 1...10_000 ~= k, 1...100_000 ~= ef,
            let listed = document["queries"]?.elements, !listed.isEmpty
        else { throw Self.fault("it has no k, ef_search or queries") }
        (self.k, self.ef, space) = (k, ef, document["space"]?.text)
        var queries: [Query] = []
        for (place, query) in listed.enumerated() {
            guard let vector = Self.floats(query["vector"]), let distances = Self.floats(query["distances"]),
                let neighbours = query["neighbours"]?.elements?.map({ $0.number ?? -1 }),
                !vector.isEmpty, neighbours.count == distances.count, neighbours.count <= k,
                neighbours.allSatisfy({ $0 >= 0 })
            else { throw Self.fault("queries[\(place)] has no vector, neighbours and distances that fit each other") }
            queries.append(
                Query(
                    item: query["item_cd"]?.text,
                    row: query["row"],
                    vector: vector,
                    neighbours: neighbours,
                    distances: distances
                )
            )
        }
        self.queries = queries
    }

    /// What was found equal.
    package struct Proof: Equatable, Sendable {
        /// Queries whose vector the imported encoder makes too, number by number.
        package let vectors: Int
        /// Queries whose neighbours the imported index finds too, in their order.
        package let neighbours: Int
    }

    /// Compares a model with every query; `parts` are attributes by part number, for queries without a row of their own.
    ///
    /// Neighbours at one distance may stand in any order. Throws `unproved` naming the first difference.
    package func proof(of model: ImportedModel, parts: [String: JSONValue] = [:]) throws -> Proof {
        if let space, space != model.index.parameters.space.rawValue {
            throw Self.difference(
                "the queries were asked in space \(space), the index is of \(model.index.parameters.space.rawValue)"
            )
        }
        var vectors = 0
        for (place, query) in queries.enumerated() {
            let name = "query \(place)" + (query.item.map { " (\($0))" } ?? "")
            guard query.vector.count == model.dimension else {
                throw Self.difference(
                    "\(name) has a vector of \(query.vector.count) numbers, the encoder makes \(model.dimension)"
                )
            }
            if let row = query.row ?? query.item.flatMap({ parts[$0] }) {
                // A part has attributes that this encoder does not look at.
                let known = (row.members ?? [:]).filter { model.encoder.inputs.contains($0.key) }
                let made = try model.vectors(of: [.object(known)])
                if let slot = made.indices.first(where: { made[$0] != query.vector[$0] }) {
                    throw Self.difference(
                        "\(name): number \(slot) of its vector is \(made[slot]) here, \(query.vector[slot]) in the record"
                    )
                }
                vectors += 1
            }
            let found = try model.index.search(query.vector, k: k, ef: ef).map { ($0.label, $0.distance) }
            // One order for those at one distance.
            let recorded = zip(query.neighbours, query.distances).sorted { ($0.1, $0.0) < ($1.1, $1.0) }
            guard found.count == recorded.count else {
                throw Self.difference("\(name) has \(found.count) neighbours here, \(recorded.count) in the record")
            }
            for (rank, (here, there)) in zip(found, recorded).enumerated() where here.0 != there.0 {
                throw Self.difference(
                    "\(name): neighbour \(rank + 1) is part \(here.0) at \(here.1) here, part \(there.0) at \(there.1) in the record"
                )
            }
        }
        return Proof(vectors: vectors, neighbours: queries.count)
    }

    private static func floats(_ value: JSONValue?) -> [Float]? {
        var numbers: [Float] = []
        for element in value?.elements ?? [] {
            switch element {
            case .integer(let number): numbers.append(Float(number))
            case .decimal(let text):
                guard let number = Double(text) else { return nil }
                numbers.append(Float(number))
            default: return nil
            }
        }
        return value?.elements == nil ? nil : numbers
    }

    private static func fault(_ clause: String) -> RoutingModelFault {
        RoutingModelFault(.badQuery, "that is no record of queries: \(clause)", hint: "docs/legacy-models.md shows one")
    }

    private static func difference(_ clause: String) -> RoutingModelFault {
        RoutingModelFault(
            .unproved,
            "the import does not answer as the plant's program did: \(clause)",
            hint: "nothing was registered; the record must be of this version, and its parts as they were then"
        )
    }
}
