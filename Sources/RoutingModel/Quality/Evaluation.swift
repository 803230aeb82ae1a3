internal import PlantTables

/// How good a model is on parts that it has not seen, beside two floors.
package struct Evaluation: Sendable, Equatable, Codable {
    /// How parts are held out.
    package enum Split: String, Sendable, Codable, CaseIterable {
        /// Parts drawn by the seed.
        case heldOut = "held_out"
        /// Each part by itself; near-duplicates of it stay in.
        case leaveOneOut = "leave_one_out"
        /// The newest parts.
        case byTime = "time_split"
        /// Whole groups of parts.
        case newFamily = "new_family"
    }

    package let split: Split
    package let trainedOn: Int
    package let model: Scores
    /// Parts drawn at random in place of the neighbours; their medoid's own times.
    package let random: Scores
    /// One routing for every part: the consensus of all, with the median of each operation's times.
    package let consensus: Scores

    /// Parts that are compared at most.
    package static let mostParts = 1_000
    /// Parts that are trained on at most, so that the time does not grow with the plant.
    private static let mostTrained = 20_000

    /// Evaluates one split; nil where the data do not allow it.
    ///
    /// `fitted` is the model of all parts, where there is one: it tells each part by the others without being fitted again. Throws
    /// `cancelled`.
    package static func of(
        _ split: Split,
        _ set: TrainingSet,
        _ settings: ModelSettings,
        fitted: FittedModel? = nil,
        goesOn: () -> Bool = { true }
    ) throws(RoutingModelFault) -> Evaluation? {
        let usable = (0..<set.items.count).filter { set.routings.firsts[$0] < set.routings.firsts[$0 + 1] }
        if split == .leaveOneOut {
            let whole = usable.count == set.items.count
            return try leaveOneOut(whole ? set : set.only(usable), settings, fitted: fitted, goesOn)
        }
        guard let held = held(split, set, usable, settings.seed), !held.isEmpty, held.count < usable.count else {
            return nil
        }
        let isHeld = Set(held)
        var random = SeededRandom(settings.seed &+ 2)
        let train = random.sample(usable.filter { !isHeld.contains($0) }, mostTrained)
        return try on(split, set.only(train), set.only(held), settings, goesOn)
    }

    /// Trains on one set and compares with another.
    package static func on(
        _ split: Split,
        _ train: TrainingSet,
        _ test: TrainingSet,
        _ settings: ModelSettings,
        _ goesOn: () -> Bool = { true }
    ) throws(RoutingModelFault) -> Evaluation {
        let model = try FittedModel.fit(train, settings, goesOn: goesOn)
        let maker = ProposalMaker(train.routings, model.times, model.confidence)
        let vectors = model.encoder.vectors(of: test.parts)
        let search = ExactSearch(
            model.encoder.vectors(of: train.parts),
            dimension: model.encoder.dimension,
            among: Array(0..<train.items.count)
        )
        let inputs = model.times.inputs(model.encoder, test.parts)
        let found = search.nearest(to: vectors, settings.neighbours)
        let proposals = InParallel.map(test.items.count) { part in
            maker.proposal(found[part], inputs[part], gates: ConfidenceGates(), expansions: 0)
        }
        var sheets = Sheets(train, settings)
        for (part, proposal) in proposals.enumerated() {
            sheets.add(proposal, test.routings.steps(of: part), except: nil) {
                model.times.runMinutes($0, inputs[part])
            }
        }
        return sheets.evaluation(split, trainedOn: train.items.count)
    }

    /// Each part compared with what the others tell; weights of features and the confidence are those of all parts.
    ///
    /// Times are told by models that have not seen the part: one for each part of a small plant, else one for each twentieth. `fitted`
    /// is the model of these parts or of more, where there is one.
    package static func leaveOneOut(
        _ set: TrainingSet,
        _ settings: ModelSettings,
        fitted: FittedModel? = nil,
        _ goesOn: () -> Bool = { true }
    ) throws(RoutingModelFault) -> Evaluation {
        let model = if let fitted { fitted } else { try FittedModel.fit(set, settings, goesOn: goesOn) }
        var random = SeededRandom(settings.seed &+ 1)
        let parts = random.sample(Array(set.items.indices), mostParts)
        let search = ExactSearch(
            model.encoder.vectors(of: set.parts),
            dimension: model.encoder.dimension,
            among: Array(set.items.indices)
        )
        let found = search.nearest(toRows: parts, settings.neighbours)
        let inputs = model.times.inputs(model.encoder, set.parts.rows(parts))
        let maker = ProposalMaker(set.routings, model.times, model.confidence)
        let proposals = InParallel.map(parts.count) { place in
            maker.proposal(found[place], inputs[place], gates: ConfidenceGates(), expansions: 0)
        }
        guard goesOn() else {
            throw RoutingModelFault(.cancelled, "the evaluation was cancelled", hint: "start it again")
        }
        let folds = set.items.count <= 200 ? set.items.count : 20
        let times = TimeModel.HeldOut(model.encoder, set, folds: folds)
        var sheets = Sheets(set, settings)
        for (place, part) in parts.enumerated() {
            sheets.add(proposals[place], set.routings.steps(of: part), except: part) {
                times.runMinutes($0, fold: part % folds, inputs[place])
            }
        }
        return sheets.evaluation(.leaveOneOut, trainedOn: set.items.count)
    }

    // MARK: - Splits

    /// Why a split of a set gave nothing, for the report.
    static func whyNot(_ split: Split, _ set: TrainingSet) -> String {
        switch split {
        case .byTime:
            let dates = set.parts.moments("REG_DT")?.filter { $0 != PlantColumn.noMoment } ?? []
            if dates.isEmpty { return "no part has a date (ItemMaster.REG_DT, or WorkResult.START_DT)" }
            return Set(dates).count == 1
                ? "all parts have the same date" : "too few parts have a routing"
        case .newFamily:
            guard let groups = set.parts.texts("ITEM_GRP"), !groups.words.isEmpty else {
                return "no part has a group (ItemMaster.ITEM_GRP)"
            }
            return "there are too few groups, or one is half of the plant (ItemMaster.ITEM_GRP)"
        case .heldOut, .leaveOneOut: return "too few parts have a routing"
        }
    }

    private static func held(_ split: Split, _ set: TrainingSet, _ usable: [Int], _ seed: UInt64) -> [Int]? {
        var random = SeededRandom(seed &+ 3)
        let wanted = min(max(usable.count * 15 / 100, 1), mostParts)
        switch split {
        case .heldOut, .leaveOneOut: return random.sample(usable, wanted)
        case .byTime:
            guard let registered = set.parts.moments("REG_DT") else { return nil }
            let dated = usable.filter { registered[$0] != PlantColumn.noMoment }
                .sorted { registered[$0] == registered[$1] ? $0 < $1 : registered[$0] < registered[$1] }
            guard let first = dated.first, let last = dated.last, registered[first] < registered[last] else {
                return nil
            }
            return dated.suffix(wanted).sorted()
        case .newFamily:
            guard let groups = set.parts.texts("ITEM_GRP"), groups.words.count > 2 else { return nil }
            var held: [Int] = []
            for group in groups.words.indices.shuffled(using: &random) where held.count < wanted {
                let members = usable.filter { groups.codes[$0] == Int32(group) }
                // A group that is half of the plant is no new family.
                if members.count * 2 < usable.count { held += members }
            }
            return random.sample(held.sorted(), mostParts)
        }
    }
}

/// The model's sheet and those of the two floors.
private struct Sheets {
    private let set: TrainingSet
    private let common: [UInt16]
    private var random: SeededRandom
    private var model = ScoreSheet()
    private var chance = ScoreSheet()
    private var consensus = ScoreSheet()
    private let median: [MinutesRange?]
    private let neighbours: Int

    init(_ set: TrainingSet, _ settings: ModelSettings) {
        self.set = set
        neighbours = settings.neighbours
        random = SeededRandom(settings.seed &+ 4)
        let paths = random.sample(Array(0..<set.items.count), 400).map { set.routings[$0] }
        let weights = paths.map { _ in 1.0 }
        let medoid = RoutingMerge.medoid(of: paths, weights: weights)
        common = medoid.map { RoutingMerge.consensus(of: paths, weights: weights, backbone: paths[$0]) } ?? []
        let grouping = Grouping(set.routings.operations.map { Int32($0) }, count: set.operations.codes.count)
        median = (0..<grouping.count).map { operation in
            var known = grouping[operation].map { set.routings.run[Int($0)] }.filter { !$0.isNaN }
            known.sort()
            guard !known.isEmpty else { return nil }
            return MinutesRange(
                expected: Quantiles.of(sorted: known, 0.5),
                low: Quantiles.of(sorted: known, 0.1),
                high: Quantiles.of(sorted: known, 0.9)
            )
        }
    }

    mutating func add(
        _ proposal: RoutingProposal,
        _ truth: [RoutingStep],
        except part: Int?,
        minutes: (UInt16) -> MinutesRange?
    ) {
        model.add(
            proposal.operations.map(\.work.operation),
            alternatives: proposal.alternatives.map(\.operations),
            truth: truth,
            minutes: minutes
        )
        let steps = set.routings.steps(of: drawn(except: part))
        chance.add(steps.map(\.operation), alternatives: [], truth: truth) { operation in
            steps.first { $0.operation == operation && !$0.run.isNaN }
                .map { MinutesRange(expected: $0.run, low: $0.run, high: $0.run) }
        }
        consensus.add(common, alternatives: [], truth: truth) { median[Int($0)] }
    }

    /// The medoid of as many parts as the model has neighbours, drawn by the seed.
    private mutating func drawn(except part: Int?) -> Int {
        var parts: [Int] = []
        while parts.count < min(neighbours, set.items.count - 1) {
            let drawn = Int(random.next() % UInt64(set.items.count))
            if drawn != part { parts.append(drawn) }
        }
        let paths = parts.map { set.routings[$0] }
        return parts[RoutingMerge.medoid(of: paths, weights: paths.map { _ in 1 }) ?? 0]
    }

    func evaluation(_ split: Evaluation.Split, trainedOn: Int) -> Evaluation {
        Evaluation(
            split: split,
            trainedOn: trainedOn,
            model: model.scores,
            random: chance.scores,
            consensus: consensus.scores
        )
    }
}
