internal import CHNSW
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

    /// Routings of the parts among which neighbours are looked for.
    private let routings: [[UInt16]]
    /// Places in ``routings`` that are asked for.
    private let queries: [Int]
    /// For each block its slots, unweighted, one after the other: each a number for every part of ``routings``.
    private let columns: [[[Float]]]
    /// Queries that are worked on together.
    private static let together = 16

    /// How the weights came about.
    package struct Outcome: Sendable, Equatable, Codable {
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
        queries = random.sample(Array(base.indices), Self.mostQueries)
        self.routings = base.map { routings[$0] }
        let plain = encoder.weighted([Double](repeating: 1, count: encoder.blocks.count)).vectors(of: parts.rows(base))
        var columns: [[[Float]]] = []
        var first = 0
        for block in encoder.blocks {
            columns.append(
                (first..<(first + block.width)).map { slot in
                    base.indices.map { plain[$0 * encoder.dimension + slot] }
                }
            )
            first += block.width
        }
        self.columns = columns
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
        let parts = InParallel.parts(queries.count, of: Self.together)
        // The weighted squared distances of each query to all others.
        var sums = parts.map { [Float](repeating: 0, count: $0.count * routings.count) }
        for (block, weight) in weights.enumerated() { add(block, weight * weight, to: &sums, parts) }
        let before = scores(sums, parts, block: 0, changes: [0])[0]
        var best = before
        for _ in 0..<Self.rounds {
            var isBetter = false
            for block in weights.indices where !fixed.contains(block) {
                guard goesOn() else {
                    throw RoutingModelFault(.cancelled, "the learning of weights was cancelled", hint: "start it again")
                }
                let old = weights[block]
                // A weight of 0 has no multiples: it may come back as 1.
                let tried = Self.factors.map { old == 0 ? ($0 == 0 ? 0 : $0 / 2) : old * $0 }.filter { $0 != old }
                let reached = scores(sums, parts, block: block, changes: tried.map { $0 * $0 - old * old })
                var kept = old
                for (weight, reached) in zip(tried, reached) where reached > best + Self.leastGain {
                    (best, kept) = (reached, weight)
                }
                guard kept != old else { continue }
                add(block, kept * kept - old * old, to: &sums, parts)
                weights[block] = kept
                isBetter = true
            }
            if !isBetter { break }
        }
        return Outcome(weights: weights.map { Double($0) }, before: before, after: best)
    }

    /// The squared distances of a query to all others by one block.
    private func distances(_ block: Int, _ query: Int, into distances: inout [Float]) {
        for place in distances.indices { distances[place] = 0 }
        for column in columns[block] { chnsw_add_squares(&distances, column, column[query], column.count) }
    }

    private func add(_ block: Int, _ factor: Float, to sums: inout [[Float]], _ parts: [Range<Int>]) {
        guard factor != 0 else { return }
        let old = sums
        sums = []
        let count = routings.count
        sums = InParallel.map(parts.count) { part in
            var changed = old[part]
            var distances = [Float](repeating: 0, count: count)
            changed.withUnsafeMutableBufferPointer { changed in
                for (row, query) in parts[part].enumerated() {
                    self.distances(block, queries[query], into: &distances)
                    guard let sums = changed.baseAddress else { return }
                    chnsw_add_scaled(sums + row * count, distances, factor, count)
                }
            }
            return changed
        }
    }

    /// For each change of a block's squared weight the mean similarity between each query's routing and the medoid of its nearest.
    private func scores(_ sums: [[Float]], _ parts: [Range<Int>], block: Int, changes: [Float]) -> [Double] {
        let similarities = InParallel.map(parts.count) { part in
            var distances = [Float](repeating: 0, count: routings.count)
            var few = [chnsw_neighbour](repeating: chnsw_neighbour(), count: Self.neighbours)
            return parts[part].enumerated().flatMap { row, query -> [Double] in
                self.distances(block, queries[query], into: &distances)
                return sums[part].withUnsafeBufferPointer { sums in
                    changes.map { change -> Double in
                        guard let sums = sums.baseAddress else { return 0 }
                        let count = chnsw_nearest_sums(
                            sums + row * routings.count,
                            distances,
                            change,
                            routings.count,
                            queries[query],
                            few.count,
                            &few
                        )
                        return similarity(of: queries[query], few.prefix(count))
                    }
                }
            }
        }
        var totals = [Double](repeating: 0, count: changes.count)
        for part in similarities { for (place, value) in part.enumerated() { totals[place % changes.count] += value } }
        return totals.map { queries.isEmpty ? 0 : $0 / Double(queries.count) }
    }

    private func similarity(of query: Int, _ found: ArraySlice<chnsw_neighbour>) -> Double {
        let weights = NeighbourWeights.of(found.map { Double($0.distance) })
        let near = found.map { routings[Int($0.label)] }
        guard let medoid = RoutingMerge.medoid(of: near, weights: weights) else { return 0 }
        return EditDistance.similarity(routings[query], near[medoid])
    }
}

/// How much each neighbour counts.
package enum NeighbourWeights {
    /// 1 / (1 + 2 d / d of the farthest), of squared distances in ascending order: the farthest counts a third of one at distance 0.
    package static func of(_ distances: [Double]) -> [Double] {
        guard let farthest = distances.last, farthest > 0 else { return distances.map { _ in 1 } }
        return distances.map { 1 / (1 + 2 * $0 / farthest) }
    }
}
