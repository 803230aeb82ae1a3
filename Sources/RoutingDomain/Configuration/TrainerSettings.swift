import CanonicalJSON

extension SettingsSchema {
    /// What training may be told; a run records the values it used.
    package static let trainer = SettingsSchema(
        config: .trainer,
        version: 1,
        settings: [
            Setting(
                name: "source.kind",
                kind: .choice(["access", "sqlite", "postgresql", "csv"]),
                initial: "access",
                effect: .nextRun,
                note: "kind of the plant's database"
            ),
            Setting(
                name: "source.location",
                kind: .text(maximumBytes: 500),
                initial: "",
                effect: .nextRun,
                note: "file or server of the plant's database, without credentials",
                check: DatabaseLocation.check
            ),
            Setting(
                name: "source.columns",
                kind: .texts(maximumEntries: 200),
                initial: [:],
                effect: .nextRun,
                note: "internal feature to source column; only these columns are read"
            ),
            Setting(
                name: "preprocessing.z_score",
                kind: .boolean,
                initial: true,
                effect: .nextRun,
                note: "whether times are standardised on their logarithm"
            ),
            Setting(
                name: "preprocessing.z_limit",
                kind: .decimal(digits: 1, 10...100),
                initial: "3.0",
                effect: .nextRun,
                note: "standard deviations beyond which a time is an outlier"
            ),
            Setting(
                name: "preprocessing.trim_percent",
                kind: .decimal(digits: 1, 0...250),
                initial: "2.5",
                effect: .nextRun,
                note: "share trimmed at each end, in percent"
            ),
            Setting(
                name: "embedding.numeric_scaling",
                kind: .choice(["robust", "standard", "none"]),
                initial: "robust",
                effect: .nextRun,
                note: "how numbers are scaled"
            ),
            Setting(
                name: "embedding.text_dimensions",
                kind: .integer(0...256),
                initial: 16,
                effect: .nextRun,
                note: "dimensions for hashed text"
            ),
            Setting(
                name: "embedding.learn_weights",
                kind: .boolean,
                initial: true,
                effect: .nextRun,
                note: "whether weights that feature_weights does not name are learned from the routings"
            ),
            Setting(
                name: "feature_weights",
                kind: .decimals(digits: 3, 0...10_000, maximumEntries: 200),
                initial: [:],
                effect: .nextRun,
                note: "weight per feature; 1.000 where nothing is said"
            ),
            Setting(
                name: "index.m",
                kind: .integer(4...64),
                initial: 16,
                effect: .nextRun,
                note: "links per node of the index"
            ),
            Setting(
                name: "index.ef_construction",
                kind: .integer(16...1000),
                initial: 200,
                effect: .nextRun,
                note: "breadth of the search while the index is built"
            ),
            Setting(
                name: "index.seed",
                kind: .integer(0...2_147_483_647),
                initial: 42,
                effect: .nextRun,
                note: "seed of the index; the same data and seed give the same bytes"
            ),
            Setting(
                name: "index.threads",
                kind: .integer(1...64),
                initial: 1,
                effect: .nextRun,
                note:
                    "threads that build the index; with more than one it is built sooner, and its bytes differ each time"
            ),
        ],
        rules: [
            CrossRule(
                id: "config.ef-construction-covers-m",
                fields: ["index.ef_construction", "index.m"],
                condition: "index.ef_construction >= 2 x index.m",
                holds: { operands in (operands.first?.number ?? 0) >= 2 * (operands.last?.number ?? 0) }
            )
        ]
    )
}
