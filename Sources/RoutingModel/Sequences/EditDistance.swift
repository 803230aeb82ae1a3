/// How far two routings are apart: insertions, deletions and substitutions of operations.
///
/// Levenshtein, 1966; each costs one. `similarity` is 1 - distance / length of the longer, and 1 for two empty ones.
package enum EditDistance {
    /// The least number of edits that make one routing of the other.
    package static func between(_ left: [UInt16], _ right: [UInt16]) -> Int {
        if left == right { return 0 }
        if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
        guard left.count > 64 else {
            return EditPattern.with(codesTo: EditPattern.greatest(left)) { $0.distance(left, to: right) }
        }
        return withUnsafeTemporaryAllocation(of: Int.self, capacity: right.count + 1) { row in
            for column in 0...right.count { row.initializeElement(at: column, to: column) }
            for (index, operation) in left.enumerated() {
                var diagonal = row[0]
                row[0] = index + 1
                for column in 0..<right.count {
                    let substituted = diagonal + (operation == right[column] ? 0 : 1)
                    diagonal = row[column + 1]
                    row[column + 1] = min(substituted, min(diagonal, row[column]) + 1)
                }
            }
            return row[right.count]
        }
    }

    /// From 0, nothing in common, to 1, the same.
    package static func similarity(_ left: [UInt16], _ right: [UInt16]) -> Double {
        let longer = max(left.count, right.count)
        return longer == 0 ? 1 : 1 - Double(between(left, right)) / Double(longer)
    }

    /// What becomes of each operation of one routing on the shortest way to another.
    package struct Alignment: Equatable, Sendable {
        /// For each place of the first routing the place in the second that stands for it, or nil where it is left out.
        package let partners: [Int?]
        /// Whether nothing was kept or replaced: places of the second that stand for none, each behind a place of the first (0 is its
        /// start).
        package let inserted: [(behind: Int, place: Int)]

        package static func == (left: Alignment, right: Alignment) -> Bool {
            left.partners == right.partners && left.inserted.elementsEqual(right.inserted, by: ==)
        }
    }

    /// One shortest alignment; of several the one that keeps or replaces as late as it can, so the same each time.
    package static func alignment(of first: [UInt16], to second: [UInt16]) -> Alignment {
        let (rows, columns) = (first.count, second.count)
        var cost = [Int](repeating: 0, count: (rows + 1) * (columns + 1))
        func at(_ row: Int, _ column: Int) -> Int { row * (columns + 1) + column }
        for row in 0...rows { cost[at(row, 0)] = row }
        for column in 0...columns { cost[at(0, column)] = column }
        if rows > 0, columns > 0 {
            for row in 1...rows {
                for column in 1...columns {
                    let replaced = cost[at(row - 1, column - 1)] + (first[row - 1] == second[column - 1] ? 0 : 1)
                    cost[at(row, column)] = min(replaced, min(cost[at(row - 1, column)], cost[at(row, column - 1)]) + 1)
                }
            }
        }
        var partners = [Int?](repeating: nil, count: rows)
        var inserted: [(behind: Int, place: Int)] = []
        var (row, column) = (rows, columns)
        while row > 0 || column > 0 {
            let here = cost[at(row, column)]
            if row > 0, column > 0,
                cost[at(row - 1, column - 1)] + (first[row - 1] == second[column - 1] ? 0 : 1) == here
            {
                (row, column) = (row - 1, column - 1)
                partners[row] = column
            } else if row > 0, cost[at(row - 1, column)] + 1 == here {
                row -= 1
            } else {
                column -= 1
                inserted.append((behind: row, place: column))
            }
        }
        return Alignment(partners: partners, inserted: inserted.reversed())
    }
}
