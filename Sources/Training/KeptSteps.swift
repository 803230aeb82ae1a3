internal import CanonicalJSON
internal import DurableFiles
internal import Foundation
internal import PlantTables
internal import RoutingDomain
internal import RoutingModel

/// What the steps of a run made, in `data/training/<run>/kept` until the run is through: another run can go on from there.
///
/// A help and no duty: what cannot be written is not kept, and what is not as the log says is made anew. The digest of a step is that of
/// its files' bytes, end to end, so that reading checks exactly what the event says.
struct KeptSteps: Sendable {
    private let folder: String

    init(folder: String) { self.folder = folder }

    private enum Name {
        static let tables = "extract.tables"
        static let lineage = "extract.json"
        static let set = [
            "prepare.items.json", "prepare.operations.json", "prepare.routings", "prepare.parts", "prepare.report.json",
        ]
        static let fit = ["fit.encoder.json", "fit.times.json", "fit.confidence.json", "fit.learning.json"]
        static let index = "index.bin"
        static let report = "evaluate.json"
    }

    /// Where the index is written, and lies while its digest is taken.
    var indexPath: String { path(Name.index) }

    private func path(_ name: String) -> String { "\(folder)/\(name)" }

    // MARK: - Writing

    /// Makes the folder; what goes wrong shows at the first file.
    func begin() { try? DurableFile.makeDirectory(folder, mode: 0o700) }

    func keep(_ source: TrainingSource) {
        write([TableFile(tables: source.tables).encoded], [Name.tables])
        let json: JSONValue = ["facts": source.facts, "lineage": source.lineage]
        write([Array(json.prettyText.utf8)], [Name.lineage])
    }

    func keep(set parts: [[UInt8]]) { write(parts, Name.set) }

    func keep(fit parts: [[UInt8]]) { write(parts, Name.fit) }

    func keep(report bytes: [UInt8]) { write([bytes], [Name.report]) }

    /// Not put on disk at once: a file that a crash left behind half is found by its digest.
    private func write(_ parts: [[UInt8]], _ names: [String]) {
        for (bytes, name) in zip(parts, names) {
            guard (try? Data(bytes).write(to: URL(filePath: path(name)))) != nil else { return discard(names) }
        }
    }

    private func discard(_ names: [String]) {
        for name in names { try? FileManager.default.removeItem(atPath: path(name)) }
    }

    /// Takes over what another run kept of a step; the same bytes under another name.
    func takeOver(_ step: TrainingStep, from other: KeptSteps) {
        for name in Self.names(of: step) {
            try? FileManager.default.removeItem(atPath: path(name))
            try? FileManager.default.linkItem(atPath: other.path(name), toPath: path(name))
        }
    }

    private static func names(of step: TrainingStep) -> [String] {
        switch step {
        case .extract: [Name.tables, Name.lineage]
        case .prepare: Name.set
        case .fit: Name.fit
        case .index: [Name.index]
        case .evaluate: [Name.report]
        case .package, .register: []
        }
    }

    // MARK: - Reading

    /// The bytes of a step's files; nil where one is missing or they are not those of the digest.
    private func parts(_ names: [String], digest: String) -> [[UInt8]]? {
        let parts = names.compactMap { name in
            (try? Data(contentsOf: URL(filePath: path(name)))).map { [UInt8]($0) }
        }
        guard parts.count == names.count, Digests.of(parts: parts) == digest else { return nil }
        return parts
    }

    /// The tables of a run and what is known of their source, which must be what the log says of it.
    func source(_ completed: TrainingStepCompleted) -> TrainingSource? {
        guard let parts = parts([Name.tables], digest: completed.digest),
            let tables = try? TableFile(decoding: parts[0]).tables,
            let told = try? JSONReader.plain([UInt8](Data(contentsOf: URL(filePath: path(Name.lineage))))),
            let facts = told["facts"], let lineage = told["lineage"]
        else { return nil }
        let source = TrainingSource(tables: tables, facts: facts, lineage: lineage)
        return source.told == completed.facts ? source : nil
    }

    func set(digest: String) -> TrainingSet? {
        guard let parts = parts(Name.set, digest: digest),
            let items = ModelFiles.value([String].self, parts[0]),
            let operations = ModelFiles.value(OperationList.self, parts[1]),
            let routings = try? RoutingColumns(
                bytes: parts[2],
                operations: operations.codes.count,
                path: path(Name.set[2])
            ),
            let table = (try? TableFile(decoding: parts[3]).tables)?.values.first,
            let report = ModelFiles.value(PreparationReport.self, parts[4]),
            items.count == table.rowCount, items.count == routings.count
        else { return nil }
        return TrainingSet(items: items, parts: table, operations: operations, routings: routings, report: report)
    }

    func fitted(digest: String) -> FittedModel? {
        guard let parts = parts(Name.fit, digest: digest),
            let encoder = ModelFiles.value(PartEncoder.self, parts[0]),
            let times = ModelFiles.value(TimeModel.self, parts[1]),
            let confidence = ModelFiles.value(ConfidenceModel.self, parts[2]),
            let learning = ModelFiles.value(WeightLearning.Outcome?.self, parts[3])
        else { return nil }
        return FittedModel(encoder: encoder, learning: learning, times: times, confidence: confidence)
    }

    func index(digest: String, _ parameters: IndexParameters) -> NeighbourIndex? {
        guard (try? Digests.ofFile(indexPath)) == digest else { return nil }
        return try? NeighbourIndex.load(indexPath, expecting: parameters)
    }

    func report(digest: String) -> QualityReport? {
        parts([Name.report], digest: digest).flatMap { ModelFiles.value(QualityReport.self, $0[0]) }
    }
}

/// The runs that something is kept of.
struct KeptRuns: Sendable {
    /// Runs that did not come through are kept, the newest so many.
    static let most = 2
    /// Nobody goes on with a run of yesterday: its source has moved on.
    static let age: TimeInterval = 24 * 3_600

    private let folder: String

    /// The runs of a home.
    init(home: String) { folder = "\(home)/data/training" }

    /// The folder of a run.
    func folder(of run: String) -> String { "\(folder)/\(run)" }

    /// What a run kept.
    func steps(of run: String) -> KeptSteps { KeptSteps(folder: "\(folder)/\(run)/kept") }

    func remove(_ run: String) { try? FileManager.default.removeItem(atPath: folder(of: run)) }

    /// Removes all of a run but what is kept; all of one that kept nothing.
    func strip(_ run: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder(of: run))) ?? []
        let kept = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder(of: run))/kept")) ?? []
        guard !kept.isEmpty else { return remove(run) }
        for name in names where name != "kept" {
            try? FileManager.default.removeItem(atPath: "\(folder(of: run))/\(name)")
        }
    }

    /// Keeps the newest runs, and the one that is named; removes the others, those of yesterday, and what is no run.
    ///
    /// The caller holds the lock on training.
    func tidy(keeping named: String? = nil, now: Date) {
        var runs: [(name: String, changed: Date)] = []
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            strip(name)
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)/kept")
            if let changed = attributes?[.modificationDate] as? Date {
                runs.append((name, changed))
            } else {
                remove(name)
            }
        }
        runs.sort { $0.changed > $1.changed }
        for (place, run) in runs.enumerated() where run.name != named {
            if place >= Self.most || now.timeIntervalSince(run.changed) > Self.age { remove(run.name) }
        }
    }
}
