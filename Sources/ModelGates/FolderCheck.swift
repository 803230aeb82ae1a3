internal import DurableFiles
internal import Foundation
internal import LegacyArtefacts
internal import RoutingDomain
internal import RoutingModel

/// Looks at a version's folder gate by gate, from the load on; blocks, and reads everything.
///
/// That its files are the registered ones is compared before, by whoever knows the log: that needs nothing that a file could break.
/// It runs in a process of its own (``CheckProcess``): what a damaged file does to it, it does to nothing else.
struct FolderCheck {
    let request: CheckRequest
    /// Told of each step, in order.
    let tell: (CheckMessage) -> Void

    private var limits: GateLimits { request.limits }

    /// Goes through the gates; one that fails keeps the later ones from nothing but what rests on it.
    func run() {
        guard let model = load() else { return tell(.done) }
        guard request.withQuality else {
            skip(from: .canaries, "a rollback passes over the gates of quality")
            return tell(.done)
        }
        look(.canaries) { try canaries(model) }
        look(.recallFloor) { try recall(model) }
        quality()
        tell(.done)
    }

    private func look(_ gate: ActivationGate, _ body: () throws -> GateFinding) {
        tell(.began(gate))
        do {
            tell(.found(try body()))
        } catch {
            tell(.found(GateFinding(gate, .failed, Self.words(error))))
        }
    }

    private func skip(from gate: ActivationGate, _ why: String) {
        let all = ActivationGate.allCases
        for gate in all[(all.firstIndex(of: gate) ?? 0)...] { tell(.found(GateFinding(gate, .skipped, why))) }
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case let fault as RoutingModelFault: fault.message
        case let fault as FileFault: fault.description
        default: "\(error)"
        }
    }

    // MARK: - Whether it can be served

    /// A version in memory.
    private enum Loaded {
        case trained(TrainedModel)
        /// Parts that are alike, without routings.
        case imported(ImportedModel)

        var index: NeighbourIndex {
            switch self {
            case .trained(let model): model.index
            case .imported(let model): model.index
            }
        }

        /// The vectors of parts by their places, each with as many numbers as the index's dimension.
        func vectors(_ places: [Int]) -> [[Float]] {
            switch self {
            case .trained(let model): model.embedded(model.parts.rows(places)).map(\.vector)
            case .imported(let model): model.index.vectors(ofLabels: places)
            }
        }
    }

    /// The model; nil where it cannot be read, or only another program can.
    private func load() -> Loaded? {
        tell(.began(.load))
        if let why = foreign() {
            tell(.unservable(why))
            skip(from: .load, "checked by its checksums alone: \(why)")
            return nil
        }
        do {
            let model: Loaded =
                ImportedModel.isImported(request.path)
                ? .imported(try ImportedModel.read(request.path)) : .trained(try TrainedModel.read(request.path))
            let words = "\(model.index.count) parts, vectors of \(model.index.parameters.dimension) numbers"
            tell(.found(GateFinding(.load, .passed, words)))
            return model
        } catch {
            tell(.found(GateFinding(.load, .failed, Self.words(error))))
            skip(from: .canaries, "it does not load")
            return nil
        }
    }

    /// Why no worker of this program serves it; nil for what was trained here.
    private func foreign() -> String? {
        let servable = LegacyModel.examine(request.path, nativeEncoder: ModelFiles.encoder)
        if servable.kind == .imported {
            return
                "Python trained it (`daybook model import` makes a version of it that is served here): \(servable.reason)"
        }
        guard servable.kind == .native else { return servable.reason }
        if ImportedModel.isImported(request.path) { return nil }
        guard !FileManager.default.fileExists(atPath: "\(request.path)/\(ModelFiles.model)") else { return nil }
        return "it has no \(ModelFiles.model), so nothing here made it"
    }

    // MARK: - Whether it is good

    /// Parts that are asked, spread over the model.
    private static let mostCanaries = 32
    private static let mostQueries = 200

    private static func spread(_ places: [Int], _ most: Int) -> [Int] {
        guard places.count > most else { return places }
        return (0..<most).map { places[$0 * places.count / most] }
    }

    private func canaries(_ loaded: Loaded) throws -> GateFinding {
        switch loaded {
        case .trained(let model): try canaries(model)
        case .imported(let model): try canaries(model)
        }
    }

    /// Parts of an imported version have no attributes here: each is asked for by its vector, and must find itself.
    private func canaries(_ model: ImportedModel) throws -> GateFinding {
        let asked = Self.spread(Array(model.items.indices), Self.mostCanaries)
        let vectors = model.index.vectors(ofLabels: asked)
        let faults = try zip(asked, vectors).compactMap { label, vector -> String? in
            guard !vector.isEmpty else { return "\(model.items[label]) is not in the index" }
            let nearest = try model.index.search(vector, k: 1, ef: limits.efSearch).first
            let itself = try model.index.exact(vector, k: 1) { $0 == label }.first
            guard let nearest, let itself, nearest.distance >= itself.distance else {
                return "\(model.items[label]) does not find itself first"
            }
            return nil
        }
        let answered = "\(asked.count - faults.count) of \(asked.count)"
        guard !faults.isEmpty else {
            return GateFinding(
                .canaries,
                .passed,
                actual: answered,
                "each finds itself first; the version has no routings"
            )
        }
        let words = faults.prefix(3).joined(separator: "; ")
        return GateFinding(.canaries, .failed, actual: answered, limit: "\(asked.count) of \(asked.count)", words)
    }

    private func canaries(_ model: TrainedModel) throws -> GateFinding {
        let known = model.items.indices.filter { model.routings.firsts[$0] < model.routings.firsts[$0 + 1] }
        let asked = Self.spread(known, Self.mostCanaries)
        guard !asked.isEmpty else {
            return GateFinding(.canaries, .failed, actual: "0", limit: "1", "no part of it has a routing")
        }
        let parts = model.parts.rows(asked)
        let vectors = model.encoder.vectors(of: parts)
        let proposals = try model.proposals(for: parts, ef: limits.efSearch, neighbours: limits.topK)
        var faults: [String] = []
        for (row, part) in asked.enumerated() {
            let dimension = model.encoder.dimension
            let vector = Array(vectors[(row * dimension)..<((row + 1) * dimension)])
            let nearest = try model.index.search(vector, k: 1, ef: limits.efSearch).first
            let itself = try model.index.exact(vector, k: 1) { $0 == part }.first
            if let fault = Self.fault(proposals[row], nearest, itself) {
                faults.append("\(model.items[part]) \(fault)")
            }
        }
        let answered = "\(asked.count - faults.count) of \(asked.count)"
        guard faults.isEmpty else {
            return GateFinding(
                .canaries,
                .failed,
                actual: answered,
                limit: "\(asked.count) of \(asked.count)",
                faults.prefix(3).joined(separator: "; ")
            )
        }
        return GateFinding(.canaries, .passed, actual: answered, "each answers, and finds itself first")
    }

    /// What is wrong with the answer for a part of the model; nil for nothing.
    private static func fault(_ proposal: RoutingProposal, _ nearest: Neighbour?, _ itself: Neighbour?) -> String? {
        guard !proposal.operations.isEmpty else { return "gets no routing" }
        let minutes = proposal.operations.flatMap { [$0.work.setup, $0.work.run] }.compactMap(\.self)
        let numbers = minutes.flatMap { [$0.expected, $0.low, $0.high] } + [proposal.confidence]
        guard numbers.allSatisfy(\.isFinite) else { return "is answered with what is no number" }
        // Parts that are alike in everything stand at one place: any of them is itself.
        guard let nearest, let itself, nearest.distance >= itself.distance else { return "does not find itself first" }
        return nil
    }

    private func recall(_ model: Loaded) throws -> GateFinding {
        let asked = Self.spread(Array(0..<model.index.count), Self.mostQueries)
        let count = min(limits.topK, model.index.count)
        var found = 0
        for vector in model.vectors(asked) where !vector.isEmpty {
            let farthest = try model.index.exact(vector, k: count).last?.distance ?? 0
            let neighbours = try model.index.search(vector, k: count, ef: max(limits.efSearch, count))
            // Of equally near parts any is right.
            found += neighbours.count { $0.distance <= farthest }
        }
        let share = Double(found) / Double(max(asked.count * count, 1))
        return held(
            .recallFloor,
            share,
            isWithin: share >= number(limits.recallFloor),
            digits: 3,
            limit: limits.recallFloor,
            "share of the \(count) true neighbours at ef_search \(limits.efSearch), \(asked.count) parts asked"
        )
    }

    /// What the version's own report says of held-out parts.
    private func quality() {
        let report: QualityReport?
        do { report = try QualityReport.read(request.path) } catch {
            for gate in [ActivationGate.medianError, .withinOneEdit] {
                tell(.found(GateFinding(gate, .failed, Self.words(error))))
            }
            return
        }
        guard let scores = report?.heldOut?.model else {
            let why = report == nil ? "it has no quality report" : "too few parts were held out to know"
            for gate in [ActivationGate.medianError, .withinOneEdit] { tell(.found(GateFinding(gate, .unknown, why))) }
            return
        }
        look(.medianError) {
            guard scores.operationTimes.count > 0, let error = scores.operationTimes.medianAPE else {
                return GateFinding(.medianError, .unknown, "no minutes of held-out parts are known")
            }
            guard error.isFinite else {
                return GateFinding(.medianError, .failed, "the median error of held-out minutes is beyond all bounds")
            }
            return held(
                .medianError,
                error,
                isWithin: error <= number(limits.medianErrorPercent),
                digits: 1,
                limit: limits.medianErrorPercent,
                "median error of \(scores.operationTimes.count) held-out minutes, in percent"
            )
        }
        look(.withinOneEdit) {
            held(
                .withinOneEdit,
                scores.withinOneEdit,
                isWithin: scores.withinOneEdit >= number(limits.withinOneEdit),
                digits: 2,
                limit: limits.withinOneEdit,
                "share of \(scores.parts) held-out parts whose routing needed one edit at most"
            )
        }
    }

    private func held(
        _ gate: ActivationGate,
        _ actual: Double,
        isWithin: Bool,
        digits: Int,
        limit: String,
        _ words: String
    ) -> GateFinding {
        let text = String(format: "%.\(digits)f", actual)
        return GateFinding(gate, isWithin ? .passed : .failed, actual: text, limit: limit, words)
    }

    private func number(_ literal: String) -> Double {
        guard let number = Double(literal) else { preconditionFailure("a limit is stored as a decimal") }
        return number
    }
}
