import CanonicalJSON

extension SettingsSchema {
    /// What the inference service may be told while it runs.
    package static let runtime = SettingsSchema(
        config: .runtime,
        version: 2,
        settings: [
            Setting(
                name: "ef_search",
                kind: .integer(16...512),
                initial: 128,
                effect: .live,
                note: "breadth of the search in the index; presets conservative 64, standard 128, aggressive 256"
            ),
            Setting(
                name: "top_k",
                kind: .integer(1...50),
                initial: 20,
                effect: .live,
                note: "similar parts per answer"
            ),
            Setting(
                name: "group_expansions",
                kind: .integer(0...10),
                initial: 5,
                effect: .live,
                note: "groups of operations that may be expanded per answer"
            ),
            Setting(
                name: "confidence_gates.accept",
                kind: .decimal(digits: 2, 0...100),
                initial: "0.80",
                effect: .live,
                note: "at or above: the proposal stands without a remark"
            ),
            Setting(
                name: "confidence_gates.review",
                kind: .decimal(digits: 2, 0...100),
                initial: "0.50",
                effect: .live,
                note: "below: no recommendation; from here to accept: needs review"
            ),
            Setting(
                name: "mapping_overrides",
                kind: .texts(maximumEntries: 200),
                initial: [:],
                effect: .live,
                note: "attribute to ERP column: requests may name the column instead"
            ),
            Setting(
                name: "caches.embedding_entries",
                kind: .integer(10_000...50_000),
                initial: 20_000,
                effect: .live,
                note: "entries of the cache from input to embedding"
            ),
            Setting(
                name: "caches.time_summary_entries",
                kind: .integer(10_000...50_000),
                initial: 20_000,
                effect: .live,
                note: "entries of the cache of time summaries"
            ),
            Setting(
                name: "latency_targets.top_k_p95_ms",
                kind: .integer(1...2000),
                initial: 2000,
                effect: .live,
                note: "95th percentile of a search, in ms"
            ),
            Setting(
                name: "latency_targets.time_summary_p95_ms",
                kind: .integer(1...1000),
                initial: 1000,
                effect: .live,
                note: "95th percentile of a time summary, in ms"
            ),
            Setting(
                name: "latency_targets.time_summary_hit_p95_ms",
                kind: .integer(1...200),
                initial: 200,
                effect: .live,
                note: "the same on a cache hit, in ms"
            ),
            Setting(
                name: "latency_targets.cold_start_ms",
                kind: .integer(1...3000),
                initial: 3000,
                effect: .restart,
                note: "from start to first answer, in ms"
            ),
            Setting(
                name: "activation_gates.recall_floor",
                kind: .decimal(digits: 2, 0...100),
                initial: "0.95",
                effect: .live,
                note: "least share of true neighbours that a version's index finds at ef_search, before it is activated"
            ),
            Setting(
                name: "activation_gates.median_ape_percent",
                kind: .decimal(digits: 1, 1...100_000),
                initial: "200.0",
                effect: .live,
                note: "greatest median error of held-out minutes of a version that is activated, in percent"
            ),
            Setting(
                name: "activation_gates.within_one_edit",
                kind: .decimal(digits: 2, 0...100),
                initial: "0.05",
                effect: .live,
                note: "least share of held-out parts within one edit of a version that is activated"
            ),
        ],
        rules: [
            CrossRule(
                id: "config.ef-search-covers-top-k",
                fields: ["ef_search", "top_k"],
                condition: "ef_search >= top_k",
                holds: ordered
            ),
            CrossRule(
                id: "config.gates-in-order",
                fields: ["confidence_gates.accept", "confidence_gates.review"],
                condition: "confidence_gates.accept >= confidence_gates.review",
                holds: ordered
            ),
            CrossRule(
                id: "config.hit-is-faster",
                fields: ["latency_targets.time_summary_p95_ms", "latency_targets.time_summary_hit_p95_ms"],
                condition: "latency_targets.time_summary_p95_ms >= latency_targets.time_summary_hit_p95_ms",
                holds: ordered
            ),
        ]
    )

    /// The named values of `ef_search`.
    package static let searchPresets = [("conservative", 64), ("standard", 128), ("aggressive", 256)]

    /// Whether the first of two numbers is at least the second; decimals must declare the same digits.
    private static let ordered: @Sendable ([JSONValue]) -> Bool = { operands in
        let numbers = operands.map { value in
            value.number ?? value.text.flatMap { FixedDecimal.scaled($0, digits: 6) } ?? 0
        }
        return numbers.count == 2 && numbers[0] >= numbers[1]
    }
}
