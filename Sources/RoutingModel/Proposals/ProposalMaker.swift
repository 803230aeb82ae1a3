/// Makes a routing of what the nearest parts have.
package struct ProposalMaker: Sendable {
    /// Alternatives that are told at most.
    package static let mostAlternatives = 9
    /// A choice that fewer of the neighbours have is not told.
    private static let leastShare = 0.1

    private let routings: RoutingColumns
    private let times: TimeModel
    private let confidence: ConfidenceModel

    /// A maker over the routings of the model's parts.
    package init(_ routings: RoutingColumns, _ times: TimeModel, _ confidence: ConfidenceModel) {
        (self.routings, self.times, self.confidence) = (routings, times, confidence)
    }

    /// A proposal from neighbours, nearest first.
    ///
    /// Neighbours without a routing count for nothing; without any that has one there is no recommendation.
    package func proposal(
        _ found: [(part: Int, distance: Double)],
        _ inputs: TimeModel.PartInputs,
        gates: ConfidenceGates,
        expansions: Int
    ) -> RoutingProposal {
        let found = found.filter { routings.firsts[$0.part] < routings.firsts[$0.part + 1] }
        let weights = NeighbourWeights.of(found.map(\.distance))
        let paths = found.map { routings[$0.part] }
        let neighbours = found.indices.map {
            RoutingProposal.Neighbour(part: found[$0].part, distance: found[$0].distance, weight: weights[$0])
        }
        guard let medoid = RoutingMerge.medoid(of: paths, weights: weights) else {
            return RoutingProposal(
                neighbours: [],
                operations: [],
                alternatives: [],
                expansions: [],
                otherWork: [],
                confidence: 0,
                verdict: .none
            )
        }
        let path = paths[medoid]
        let evidence = Evidence(paths: paths, weights: weights, distances: found.map(\.distance), chosen: path)
        let probability = confidence.probability(evidence)
        let tally = PlaceTally(path, paths, weights)
        let alternatives = Self.alternatives(path, paths, weights)
        let differences = Array(tally.expansions(least: Self.leastShare).prefix(expansions))
        var known = Set(path)
        let others = alternatives.flatMap(\.operations) + differences.flatMap { $0.choices.compactMap(\.operation) }
        return RoutingProposal(
            neighbours: neighbours,
            operations: path.enumerated().map { place, operation in
                RoutingProposal.Operation(
                    work: work(operation, inputs),
                    share: tally.share(of: operation, at: place)
                )
            },
            alternatives: alternatives,
            expansions: differences,
            otherWork: others.filter { known.insert($0).inserted }.map { work($0, inputs) },
            confidence: probability,
            verdict: gates.verdict(probability)
        )
    }

    private func work(_ operation: UInt16, _ inputs: TimeModel.PartInputs) -> RoutingProposal.Work {
        RoutingProposal.Work(
            operation: operation,
            setup: times.setupMinutes(operation, inputs),
            run: times.runMinutes(operation, inputs)
        )
    }

    private static func alternatives(
        _ chosen: [UInt16],
        _ paths: [[UInt16]],
        _ weights: [Double]
    ) -> [RoutingProposal.Alternative] {
        let total = weights.reduce(0, +)
        var order: [[UInt16]] = []
        var shares: [[UInt16]: Double] = [:]
        for (path, weight) in zip(paths, weights) {
            if shares[path] == nil { order.append(path) }
            shares[path, default: 0] += weight / total
        }
        let consensus = RoutingMerge.consensus(of: paths, weights: weights, backbone: chosen)
        var alternatives: [RoutingProposal.Alternative] = []
        if consensus != chosen, shares[consensus] == nil {
            alternatives.append(RoutingProposal.Alternative(origin: .consensus, operations: consensus, share: 0))
        }
        let others = order.filter { $0 != chosen }.enumerated()
            .sorted {
                let (left, right) = (shares[$0.element] ?? 0, shares[$1.element] ?? 0)
                return left == right ? $0.offset < $1.offset : left > right
            }
        for (_, path) in others.prefix(mostAlternatives - alternatives.count) {
            alternatives.append(
                RoutingProposal.Alternative(origin: .neighbours, operations: path, share: shares[path] ?? 0)
            )
        }
        return alternatives
    }
}

/// What neighbours have at each place of a routing.
private struct PlaceTally {
    private let path: [UInt16]
    private let total: Double
    private var kept: [RoutingMerge.Votes]
    private var left: [Double]
    private var gaps: [RoutingMerge.Votes]

    init(_ path: [UInt16], _ paths: [[UInt16]], _ weights: [Double]) {
        self.path = path
        total = weights.reduce(0, +)
        kept = Array(repeating: RoutingMerge.Votes(), count: path.count)
        left = Array(repeating: 0, count: path.count)
        gaps = Array(repeating: RoutingMerge.Votes(), count: path.count + 1)
        for (other, weight) in zip(paths, weights) {
            let alignment = EditDistance.alignment(of: path, to: other)
            for (place, partner) in alignment.partners.enumerated() {
                if let partner { kept[place].add(other[partner], weight) } else { left[place] += weight }
            }
            for (behind, place) in alignment.inserted { gaps[behind].add(other[place], weight) }
        }
    }

    func share(of operation: UInt16, at place: Int) -> Double { (kept[place].weights[operation] ?? 0) / total }

    /// Places where neighbours differ, those where they differ most first.
    func expansions(least: Double) -> [RoutingProposal.Expansion] {
        var expansions: [(unsure: Double, expansion: RoutingProposal.Expansion)] = []
        func add(_ place: Int, _ isInsertion: Bool, _ choices: [RoutingProposal.Expansion.Choice], _ unsure: Double) {
            let told = choices.filter { $0.share >= least }
                .sorted { $0.share == $1.share ? ($0.operation ?? 0) < ($1.operation ?? 0) : $0.share > $1.share }
            guard told.count > (isInsertion ? 0 : 1) else { return }
            let expansion = RoutingProposal.Expansion(place: place, isInsertion: isInsertion, choices: told)
            expansions.append((unsure, expansion))
        }
        for place in path.indices {
            var choices = kept[place].weights.map {
                RoutingProposal.Expansion.Choice(operation: $0.key, share: $0.value / total)
            }
            choices.append(RoutingProposal.Expansion.Choice(operation: nil, share: left[place] / total))
            add(place, false, choices, 1 - share(of: path[place], at: place))
        }
        for place in gaps.indices {
            let choices = gaps[place].weights.map {
                RoutingProposal.Expansion.Choice(operation: $0.key, share: $0.value / total)
            }
            add(place, true, choices, gaps[place].total / total)
        }
        return expansions.enumerated()
            .sorted {
                $0.element.unsure == $1.element.unsure ? $0.offset < $1.offset : $0.element.unsure > $1.element.unsure
            }
            .map(\.element.expansion)
    }
}
