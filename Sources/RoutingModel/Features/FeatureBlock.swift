internal import Foundation
package import PlantTables

/// How one feature becomes slots of a vector, before its weight: fitted once, the same ever after.
package struct FeatureBlock: Sendable, Equatable, Codable {
    /// How the numbers of a column are scaled.
    package struct Scale: Sendable, Equatable, Codable {
        /// Added before the logarithm; nil where the number is taken as it is.
        package var logOffset: Double?
        package var centre: Double
        /// Above zero.
        package var spread: Double
        /// Whether a second slot tells that the number is missing.
        package var tellsMissing: Bool
    }

    /// What a value had that the training data had not.
    package enum Oddity: Sendable, Equatable {
        case missing
        case unseen(String)
        /// Beyond what the training data spans, in the feature's unit.
        case outside(Double)
    }

    package let feature: FeaturePlan.Feature
    /// For numbers.
    package let scale: Scale?
    /// For categories and truths: the words, in the order of their slots; a further slot is for all others.
    package let words: [String]
    /// Numbers that the block takes in a vector.
    package let width: Int

    /// Beyond so many words the rarest share a slot.
    package static let mostWords = 128
    /// Scaled numbers end here, so that one slip of the pen does not outweigh all else.
    static let limit = 4.0
    /// A skewness above this calls for the logarithm.
    private static let skewed = 1.0

    /// Fits a block to a column of the training data.
    ///
    /// `scaling` is `robust` (median and quartiles), `standard` (mean and standard deviation) or `none`.
    package init(_ feature: FeaturePlan.Feature, of column: PlantColumn, scaling: String, textDimensions: Int) {
        self.feature = feature
        switch (feature.kind, column) {
        case (.number, .numbers(let values)):
            let fitted = Self.fit(values, scaling)
            (scale, words, width) = (fitted, [], fitted.tellsMissing ? 2 : 1)
        case (.category, .texts(let column)):
            words = Self.commonest(column)
            (scale, width) = (nil, words.count + 1)
        case (.truth, _): (scale, words, width) = (nil, ["0", "1"], 2)
        case (.text, _): (scale, words, width) = (nil, [], textDimensions)
        default: preconditionFailure("the plan names the kind that the column has")
        }
    }

    private static func commonest(_ column: TextColumn) -> [String] {
        var counts = [Int](repeating: 0, count: column.words.count)
        for code in column.codes where code >= 0 { counts[Int(code)] += 1 }
        let order = column.words.indices.sorted {
            counts[$0] == counts[$1] ? column.words[$0] < column.words[$1] : counts[$0] > counts[$1]
        }
        return order.prefix(mostWords).map { column.words[$0] }.sorted()
    }

    private static func fit(_ values: [Double], _ scaling: String) -> Scale {
        var known = values.filter(\.isFinite)
        var scale = Scale(logOffset: nil, centre: 0, spread: 1, tellsMissing: known.count < values.count)
        guard scaling != "none", known.count > 1 else { return scale }
        if let least = known.min(), let greatest = known.max(), least >= 0, Moments(known).skewness > skewed {
            let positive = known.filter { $0 > 0 }.sorted()
            let offset = greatest > 1 ? 1 : Quantiles.of(sorted: positive, 0.05)
            scale.logOffset = offset
            for index in known.indices { known[index] = log(known[index] + offset) }
        }
        let moments = Moments(known)
        let deviation = moments.deviation > 0 ? moments.deviation : 1
        guard scaling == "robust" else {
            (scale.centre, scale.spread) = (moments.mean, deviation)
            return scale
        }
        known.sort()
        // 0.7413 makes the distance of the quartiles that of a normal distribution's standard deviation.
        let range = (Quantiles.of(sorted: known, 0.75) - Quantiles.of(sorted: known, 0.25)) * 0.7413
        (scale.centre, scale.spread) = (Quantiles.of(sorted: known, 0.5), range > 0 ? range : deviation)
        return scale
    }

    /// Writes the slots of every row, row by row, into vectors of `dimension` numbers beginning at `first`, times the weight.
    package func encode(_ column: PlantColumn, weight: Float, into vectors: inout [Float], dimension: Int, first: Int) {
        switch (feature.kind, column) {
        case (.number, .numbers(let values)):
            for (row, value) in values.enumerated() {
                let place = row * dimension + first
                guard value.isFinite else {
                    if width == 2 { vectors[place + 1] = weight }
                    continue
                }
                vectors[place] = Float(scaled(value)) * weight
            }
        case (.category, .texts(let column)):
            // One look-up a word, not one a row.
            let slots = column.words.map { slot(of: $0) }
            for (row, code) in column.codes.enumerated() where code >= 0 {
                vectors[row * dimension + first + slots[Int(code)]] = weight * Self.halved
            }
        case (.truth, .truths(let values)):
            for (row, value) in values.enumerated() where value >= 0 {
                vectors[row * dimension + first + Int(value)] = weight * Self.halved
            }
        case (.text, .texts(let column)):
            let hashed = column.words.map { HashedText.vector(of: $0, width: width) }
            for (row, code) in column.codes.enumerated() where code >= 0 {
                let place = row * dimension + first
                for (slot, value) in hashed[Int(code)].enumerated() { vectors[place + slot] = value * weight }
            }
        default: break
        }
    }

    /// What the value of a row had that the training data had not; nil for nothing.
    package func oddity(_ column: PlantColumn?, row: Int) -> Oddity? {
        switch (feature.kind, column) {
        case (.number, .numbers(let values)?):
            guard values[row].isFinite else { return .missing }
            let distance = unlimited(values[row])
            return abs(distance) > Self.limit ? .outside(values[row]) : nil
        case (.category, .texts(let column)?):
            guard let word = column[row] else { return .missing }
            return slot(of: word) == words.count ? .unseen(word) : nil
        case (.truth, .truths(let values)?): return values[row] < 0 ? .missing : nil
        case (.text, .texts(let column)?): return column[row] == nil ? .missing : nil
        default: return .missing
        }
    }

    /// What each slot means, for the manifest and for people.
    package var meanings: [String] {
        switch feature.kind {
        case .number: [feature.name, "\(feature.name) is missing"].prefix(width).map(\.self)
        case .category: words.map { "\(feature.name) = \($0)" } + ["\(feature.name) = any other"]
        case .truth: ["\(feature.name) = no", "\(feature.name) = yes"]
        case .text: (0..<width).map { "\(feature.name), n-grams hashed to \($0)" }
        }
    }

    /// Two parts of different words are one weight apart: 1/2 + 1/2 squared.
    private static let halved = Float(0.5).squareRoot()

    private func slot(of word: String) -> Int {
        var (low, high) = (0, words.count)
        while low < high {
            let middle = (low + high) / 2
            if words[middle] < word { low = middle + 1 } else { high = middle }
        }
        return low < words.count && words[low] == word ? low : words.count
    }

    private func unlimited(_ value: Double) -> Double {
        guard let scale else { return value }
        guard let offset = scale.logOffset else { return (value - scale.centre) / scale.spread }
        return (log(max(value, 0) + offset) - scale.centre) / scale.spread
    }

    private func scaled(_ value: Double) -> Double { min(max(unlimited(value), -Self.limit), Self.limit) }
}

/// Text as a vector of n-grams of its letters, hashed to a few slots (the hashing trick; Weinberger et al., 2009).
package enum HashedText {
    /// Three letters at a time, the ends marked; of length 1, or 0 for an empty text.
    ///
    /// The same on every machine.
    package static func vector(of text: String, width: Int) -> [Float] {
        var sums = [Float](repeating: 0, count: width)
        guard width > 0 else { return sums }
        let scalars =
            [0x02] + text.precomposedStringWithCanonicalMapping.lowercased().unicodeScalars.map(\.value) + [0x03]
        guard scalars.count > 2 else { return sums }
        for start in 0...(scalars.count - 3) {
            // FNV-1a over the bytes of three scalars.
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for scalar in scalars[start..<(start + 3)] {
                for shift in stride(from: 0, to: 32, by: 8) {
                    hash = (hash ^ UInt64(scalar >> UInt32(shift)) & 0xff) &* 0x100_0000_01b3
                }
            }
            sums[Int(hash % UInt64(width))] += hash >> 63 == 0 ? 1 : -1
        }
        let length = sums.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return length > 0 ? sums.map { $0 / length } : sums
    }
}
