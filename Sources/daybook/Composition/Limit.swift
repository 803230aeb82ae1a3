import ArgumentParser

/// How many rows a list may be asked for.
enum Limit {
    static let range = 1...1_000_000

    /// The number itself; throws a usage error for none, fewer or too many.
    static func checked(_ limit: Int) throws -> Int {
        guard range.contains(limit) else {
            throw ValidationError("--limit \(limit) is not \(range.lowerBound) to \(range.upperBound)")
        }
        return limit
    }
}
