package import PlantTables

/// Finds weights of features under which similar parts have similar routings.
///
/// Coordinate ascent: one weight after another is multiplied by a few factors, and the best is kept, by the mean similarity between each
/// part's routing and the medoid of its nearest neighbours, the part itself left out. Parts beyond ``mostQueries`` and
/// ``mostNeighbours`` are drawn by the seed, so that the time does not grow with the plant. The same data and seed give the same weights.
package struct WeightLearning: Sendable {
    /// Parts that are asked for.
    package static let mostQueries = 800
    /// Parts among which neighbours are looked for.
    package static let mostNeighbours = 4_000
    private static let factors: [Float] = [0, 0.25, 0.5, 0.7, 1.5, 2, 3]
    /// A gain below this is chance.
    private static let leastGain = 0.0005
    private static let rounds = 3
    private static let neighbours = 10

    private let routings: [[UInt16]]
    private let queries: [Int]
    private let base: [Int]
    /// For each block the squared distances of all queries to all of the base, unweighted.
    private let distances: [[Float]]

    /// How the weights came about.
    package struct Outcome: Sendable, Equatable {
        package let weights: [Double]
        /// The mean similarity at the start and at the end.
        package let before: Double
        package let after: Double
    }

    /// Prepares learning on parts with routings; the encoder's blocks are taken without their weights.
    package init(_ encoder: PartEncoder, _ parts: PlantTable, routings: [[UInt16]], seed: UInt64) {
        var random = SeededRandom(seed)
        let usable = routings.indices.filter { !routings[$0].isEmpty }
        let base = random.sample(usable, Self.mostNeighbours)
        let queries = random.sample(base, Self.mostQueries)
        let plain = encoder.weighted([Double](repeating: 1, count: encoder.blocks.count)).vectors(of: parts)
        var distances: [[Float]] = []
        var first = 0
        for block in encoder.blocks {
            distances.append(
                Self.distances(plain, dimension: encoder.dimension, slots: first..<(first + block.width), queries, base)
            )
            first += block.width
        }
        (self.routings, self.queries, self.base, self.distances) = (routings, queries, base, distances)
    }

    private static func distances(
        _ vectors: [Float],
        dimension: Int,
        slots: Range<Int>,
        _ queries: [Int],
        _ base: [Int]
    ) -> [Float] {
        var distances = [Float](repeating: 0, count: queries.count * base.count)
        vectors.withUnsafeBufferPointer { vectors in
            distances.withUnsafeMutableBufferPointer { distances in
                var place = 0
                for query in queries {
                    for other in base {
                        var sum: Float = 0
                        for slot in slots {
                            let away = vectors[query * dimension + slot] - vectors[other * dimension + slot]
                            sum += away * away
                        }
                        distances[place] = sum
                        place += 1
                    }
                }
            }
        }
        return distances
    }

    /// Learns, beginning at these weights; those that are `fixed` stay.
    ///
    /// Asks after each step whether to go on, and throws `cancelled`.
    package func learn(
        from start: [Double],
        fixed: Set<Int> = [],
        goesOn: () -> Bool
    ) throws(RoutingModelFault) -> Outcome {
        var weights = start.map { Float($0) }
        var sums = [Float](repeating: 0, count: queries.count * base.count)
        for (block, weight) in weights.enumerated() { Self.add(distances[block], weight * weight, to: &sums) }
        let before = score(sums)
        var best = before
        for _ in 0..<Self.rounds {
            var isBetter = false
            for block in weights.indices where !fixed.contains(block) {
                guard goesOn() else {
                    throw RoutingModelFault(.cancelled, "the learning of weights was cancelled", hint: "start it again")
                }
                let old = weights[block]
                var kept = old
                for factor in Self.factors {
                    // A weight of 0 has no multiples: it may come back as 1.
                    let weight = old == 0 ? (factor == 0 ? 0 : factor / 2) : old * factor
                    guard weight != old else { continue }
                    var changed = sums
                    Self.add(distances[block], weight * weight - old * old, to: &changed)
                    let reached = score(changed)
                    if reached > best + Self.leastGain { (best, kept) = (reached, weight) }
                }
                guard kept != old else { continue }
                Self.add(distances[block], kept * kept - old * old, to: &sums)
                weights[block] = kept
                isBetter = true
            }
            if !isBetter { break }
        }
        return Outcome(weights: weights.map { Double($0) }, before: before, after: best)
    }

    private static func add(_ distances: [Float], _ factor: Float, to sums: inout [Float]) {
        guard factor != 0 else { return }
        distances.withUnsafeBufferPointer { distances in
            sums.withUnsafeMutableBufferPointer { sums in
                for index in sums.indices { sums[index] += distances[index] * factor }
            }
        }
    }

    /// The mean similarity between each query's routing and the medoid of its nearest.
    private func score(_ sums: [Float]) -> Double {
        var total = 0.0
        var nearest = NearestFew(Self.neighbours)
        sums.withUnsafeBufferPointer { sums in
            for (row, query) in queries.enumerated() {
                nearest.removeAll()
                for (column, other) in base.enumerated() where other != query {
                    nearest.consider(sums[row * base.count + column], other)
                }
                let found = nearest.sorted
                let weights = NeighbourWeights.of(found.map { Double($0.distance) })
                let near = found.map { routings[$0.item] }
                guard let medoid = RoutingMerge.medoid(of: near, weights: weights) else { continue }
                total += EditDistance.similarity(routings[query], near[medoid])
            }
        }
        return queries.isEmpty ? 0 : total / Double(queries.count)
    }
}

/// The nearest few of many, without sorting all.
struct NearestFew {
    private let limit: Int
    private var kept: [(distance: Float, item: Int)] = []
    private var bound = Float.infinity

    init(_ limit: Int) {
        self.limit = limit
        kept.reserveCapacity(limit + 1)
    }

    mutating func removeAll() {
        kept.removeAll(keepingCapacity: true)
        bound = .infinity
    }

    /// Keeps an item if it is among the nearest so far; of equally near ones the first.
    @inline(__always)
    mutating func consider(_ distance: Float, _ item: Int) {
        guard distance < bound else { return }
        insert(distance, item)
    }

    private mutating func insert(_ distance: Float, _ item: Int) {
        var place = kept.count
        while place > 0, kept[place - 1].distance > distance { place -= 1 }
        kept.insert((distance, item), at: place)
        if kept.count > limit { kept.removeLast() }
        if kept.count == limit { bound = kept[limit - 1].distance }
    }

    /// In ascending order.
    var sorted: [(distance: Float, item: Int)] { kept }
}

/// How much each neighbour counts.
package enum NeighbourWeights {
    /// 1 / (1 + 2 d / d of the farthest), of squared distances in ascending order: the farthest counts a third of one at distance 0.
    package static func of(_ distances: [Double]) -> [Double] {
        guard let farthest = distances.last, farthest > 0 else { return distances.map { _ in 1 } }
        return distances.map { 1 / (1 + 2 * $0 / farthest) }
    }
}
