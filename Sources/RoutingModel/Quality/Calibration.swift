/// How well and how fast the built index answers under each preset of `ef_search`.
package enum Calibration {
    /// The named presets of `ef_search`.
    package static let presets = [("conservative", 64), ("standard", 128), ("aggressive", 256)]
    private static let mostQueries = 200
    private static let neighbours = 50

    /// The recall of each preset at 50 neighbours, and its latency in microseconds; queries are parts that the seed draws.
    package static func measure(
        _ model: TrainedModel,
        seed: UInt64,
        goesOn: () -> Bool
    ) throws(RoutingModelFault) -> ([QualityReport.Preset], [(name: String, p50: Double, p95: Double)]) {
        var random = SeededRandom(seed &+ 5)
        let queries = random.sample(Array(model.items.indices), mostQueries)
        let vectors = model.encoder.vectors(of: model.parts.rows(queries))
        let dimension = model.encoder.dimension
        let asked = queries.indices.map { Array(vectors[($0 * dimension)..<(($0 + 1) * dimension)]) }
        let count = min(neighbours, model.items.count)
        var truth: [Float] = []
        for vector in asked {
            guard goesOn() else {
                throw RoutingModelFault(.cancelled, "the calibration was cancelled", hint: "start it again")
            }
            truth.append(try model.index.exact(vector, k: count).last?.distance ?? 0)
        }
        var measured: [QualityReport.Preset] = []
        var latencies: [(name: String, p50: Double, p95: Double)] = []
        for (name, ef) in presets {
            var found = 0
            var times: [Double] = []
            for (vector, farthest) in zip(asked, truth) {
                let began = ContinuousClock.now
                let neighbours = try model.index.search(vector, k: count, ef: max(ef, count))
                times.append((ContinuousClock.now - began) / .microseconds(1))
                // Of equally near parts any is right: what lies no farther than the farthest true one counts.
                found += neighbours.count { $0.distance <= farthest }
            }
            times.sort()
            measured.append(
                QualityReport.Preset(name: name, ef: ef, recall: Double(found) / Double(max(asked.count * count, 1)))
            )
            latencies.append((name, Quantiles.of(sorted: times, 0.5), Quantiles.of(sorted: times, 0.95)))
        }
        return (measured, latencies)
    }
}
