/// One routing out of several that similar parts have.
package enum RoutingMerge {
    /// The place of the routing to which all are nearest, by weight; of equals the first.
    ///
    /// Nil without any. A medoid is a routing that really existed. Weights are positive and as many as the routings.
    package static func medoid(of routings: [[UInt16]], weights: [Double]) -> Int? {
        guard routings.count > 1 else { return routings.isEmpty ? nil : 0 }
        var costs = [Double](repeating: 0, count: routings.count)
        func add(_ distance: Int, _ first: Int, _ second: Int) {
            costs[first] += Double(distance) * weights[second]
            costs[second] += Double(distance) * weights[first]
        }
        var greatest: UInt16 = 0
        for routing in routings { greatest = EditPattern.greatest(routing, greatest) }
        EditPattern.with(codesTo: greatest) { pattern in
            for first in routings.indices.dropLast() {
                let routing = routings[first]
                let isShort = 1...EditPattern.longest ~= routing.count
                if isShort { pattern.take(routing) }
                for second in (first + 1)..<routings.count {
                    let distance =
                        isShort
                        ? pattern.distance(length: routing.count, to: routings[second])
                        : EditDistance.between(routing, routings[second])
                    add(distance, first, second)
                }
                if isShort { pattern.forget(routing) }
            }
        }
        return costs.indices.min { costs[$0] < costs[$1] }
    }

    /// The consensus of routings: each aligned with a backbone, and at every place what most of the weight has.
    ///
    /// A place that most leave out goes; an operation that most have behind a place comes in. May be a routing that never existed.
    package static func consensus(of routings: [[UInt16]], weights: [Double], backbone: [UInt16]) -> [UInt16] {
        let total = weights.reduce(0, +)
        var places = [Votes](repeating: Votes(), count: backbone.count)
        var gaps = [Votes](repeating: Votes(), count: backbone.count + 1)
        for (routing, weight) in zip(routings, weights) {
            let alignment = EditDistance.alignment(of: backbone, to: routing)
            for (place, partner) in alignment.partners.enumerated() {
                if let partner { places[place].add(routing[partner], weight) }
            }
            // A gap takes the first operation that a routing has there: longer detours are rare and stay with the medoid.
            var filled = Set<Int>()
            for (behind, place) in alignment.inserted where filled.insert(behind).inserted {
                gaps[behind].add(routing[place], weight)
            }
        }
        var merged: [UInt16] = []
        for place in 0...backbone.count {
            if let (operation, weight) = gaps[place].most, weight * 2 > total { merged.append(operation) }
            guard place < backbone.count else { break }
            if let (operation, _) = places[place].most, places[place].total * 2 >= total { merged.append(operation) }
        }
        return merged
    }

    /// Weights of operations at one place.
    package struct Votes: Sendable {
        private(set) var weights: [UInt16: Double] = [:]

        package init() {}

        mutating func add(_ operation: UInt16, _ weight: Double) { weights[operation, default: 0] += weight }

        var total: Double { weights.values.reduce(0, +) }

        /// The operation with most weight; of equals the lower code.
        var most: (UInt16, Double)? {
            weights.max { $0.value == $1.value ? $0.key > $1.key : $0.value < $1.value }.map { ($0.key, $0.value) }
        }
    }
}
