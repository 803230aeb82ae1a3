internal import CHNSW

/// The nearest parts by looking at all: the ground truth of any index.
///
/// Measures as the index does, several queries at a time and on all processors; the result does not depend on how many there are.
package struct ExactSearch: Sendable {
    private let vectors: [Float]
    private let dimension: Int
    /// One byte a row; nil where every row is looked at.
    private let admitted: [UInt8]?
    /// Queries that look at rows together.
    private static let together = 16

    /// What was found for one query, nearest first: rows and squared distances; of equally near ones the first row.
    package typealias Found = [(part: Int, distance: Double)]

    /// A search among some rows of `vectors`, which has `dimension` numbers a row.
    package init(_ vectors: [Float], dimension: Int, among: [Int]) {
        (self.vectors, self.dimension) = (vectors, dimension)
        let rows = vectors.count / max(dimension, 1)
        guard among.count < rows else {
            admitted = nil
            return
        }
        var admitted = [UInt8](repeating: 0, count: rows)
        for row in among { admitted[row] = 1 }
        self.admitted = admitted
    }

    /// The nearest others of rows, in the order of the rows.
    package func nearest(toRows rows: [Int], _ count: Int) -> [Found] {
        let queries = rows.flatMap { vectors[($0 * dimension)..<(($0 + 1) * dimension)] }
        return nearest(to: queries, count, except: rows.map { Int64($0) })
    }

    /// The nearest of vectors, which stand end to end.
    package func nearest(to queries: [Float], _ count: Int) -> [Found] {
        nearest(to: queries, count, except: [Int64](repeating: -1, count: queries.count / dimension))
    }

    private func nearest(to queries: [Float], _ count: Int, except: [Int64]) -> [Found] {
        let parts = InParallel.parts(except.count, of: Self.together)
        return InParallel.map(parts.count) { part in
            nearest(
                to: Array(queries[(parts[part].lowerBound * dimension)..<(parts[part].upperBound * dimension)]),
                count,
                part: Array(except[parts[part]])
            )
        }.flatMap(\.self)
    }

    private func nearest(to queries: [Float], _ count: Int, part except: [Int64]) -> [Found] {
        var found = [chnsw_neighbour](repeating: chnsw_neighbour(), count: except.count * count)
        var kept = [Int](repeating: 0, count: except.count)
        let rows = vectors.count / dimension
        chnsw_nearest_rows(vectors, rows, dimension, admitted, queries, except, except.count, count, &found, &kept)
        return except.indices.map { query in
            found[(query * count)..<(query * count + kept[query])].map { (Int($0.label), Double($0.distance)) }
        }
    }
}
