package import CanonicalJSON
package import RoutingModel

/// How requests are answered, as the runtime configuration says; every change holds from the next request on, without a reload.
package struct ServingSettings: Sendable, Equatable {
    package let efSearch: Int
    package let neighbours: Int
    package let expansions: Int
    package let gates: ConfidenceGates
    package let embeddingEntries: Int
    package let summaryEntries: Int
    /// The attribute that a column of the ERP stands for, where requests name columns.
    package let attributes: [String: String]

    /// The settings of an effective configuration.
    package init(_ values: [String: JSONValue]) {
        func share(_ name: String, _ standard: Double) -> Double {
            values[name]?.text.flatMap { Double($0) } ?? standard
        }
        efSearch = values["ef_search"]?.number ?? 128
        neighbours = values["top_k"]?.number ?? 20
        expansions = values["group_expansions"]?.number ?? 5
        gates = ConfidenceGates(
            accept: share("confidence_gates.accept", 0.8),
            review: share("confidence_gates.review", 0.5)
        )
        embeddingEntries = values["caches.embedding_entries"]?.number ?? 20_000
        summaryEntries = values["caches.time_summary_entries"]?.number ?? 20_000
        let columns = (values["mapping_overrides"]?.members ?? [:]).compactMap { name, column in
            column.text.map { ($0, name) }
        }
        // Where two attributes are read from one column, the one that comes first by name has it, on every machine.
        attributes = Dictionary(columns, uniquingKeysWith: min)
    }
}
