import RoutingModel
import Testing

@Suite("Routings beside each other")
struct SequenceTests {
    @Test("The distance is the least number of edits, and equal both ways")
    func distances() {
        #expect(EditDistance.between([], []) == 0)
        #expect(EditDistance.between([1, 2, 3], []) == 3)
        #expect(EditDistance.between([1, 2, 3], [1, 3]) == 1)
        #expect(EditDistance.between([1, 2, 3], [3, 2, 1]) == 2)
        var random = SeededRandom(7)
        for _ in 0..<200 {
            let pair = (0..<2).map { _ in (0..<Int(random.next() % 9)).map { _ in UInt16(random.next() % 4) } }
            let distance = EditDistance.between(pair[0], pair[1])
            #expect(distance == EditDistance.between(pair[1], pair[0]))
            #expect(distance == Self.plain(pair[0][...], pair[1][...]), "\(pair)")
        }
    }

    @Test("The bits of a word give the distances of the table, up to 64 operations and beyond")
    func bits() {
        var random = SeededRandom(9)
        for length in [1, 15, 16, 17, 31, 63, 64, 65, 130] {
            for codes in [2, 5, 3_000] {
                let routings = (0..<6).map { _ in
                    (0..<max(1, length - Int(random.next() % 3))).map { _ in UInt16(random.next() % UInt64(codes)) }
                }
                for one in routings {
                    for other in routings {
                        #expect(EditDistance.between(one, other) == Self.table(one, other), "\(length), \(codes)")
                    }
                }
                let costs = routings.map { one in routings.reduce(0) { $0 + Self.table(one, $1) } }
                let medoid = RoutingMerge.medoid(of: routings, weights: routings.map { _ in 1 })
                #expect(medoid == costs.indices.min { costs[$0] < costs[$1] })
            }
        }
        #expect(EditDistance.between([7, 65_535], [65_535]) == 1)
    }

    /// By the table of Wagner and Fischer.
    private static func table(_ left: [UInt16], _ right: [UInt16]) -> Int {
        var row = Array(0...right.count)
        for (index, operation) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (operation == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }

    /// By the definition, without a table.
    private static func plain(_ left: ArraySlice<UInt16>, _ right: ArraySlice<UInt16>) -> Int {
        guard let first = left.first else { return right.count }
        guard let other = right.first else { return left.count }
        if first == other { return plain(left.dropFirst(), right.dropFirst()) }
        return 1
            + min(
                plain(left.dropFirst(), right),
                plain(left, right.dropFirst()),
                plain(left.dropFirst(), right.dropFirst())
            )
    }

    @Test("An alignment accounts for every place of both, at the cost of the distance")
    func alignments() {
        var random = SeededRandom(8)
        for _ in 0..<300 {
            let pair = (0..<2).map { _ in (0..<Int(random.next() % 10)).map { _ in UInt16(random.next() % 5) } }
            let alignment = EditDistance.alignment(of: pair[0], to: pair[1])
            let replaced = alignment.partners.enumerated().count { place, partner in
                partner.map { pair[0][place] != pair[1][$0] } ?? true
            }
            #expect(replaced + alignment.inserted.count == EditDistance.between(pair[0], pair[1]))
            let used = alignment.partners.compactMap(\.self) + alignment.inserted.map(\.place)
            #expect(used.sorted() == Array(pair[1].indices))
        }
    }

    @Test("The medoid is nearest to all, by weight; the consensus takes what most have at each place")
    func merges() {
        let routings: [[UInt16]] = [[1, 2, 3, 4], [1, 2, 4], [1, 2, 3, 4, 5], [9, 9, 9]]
        #expect(RoutingMerge.medoid(of: routings, weights: [1, 1, 1, 1]) == 0)
        #expect(RoutingMerge.medoid(of: routings, weights: [1, 1, 1, 9]) == 3)
        #expect(RoutingMerge.medoid(of: [], weights: []) == nil)
        #expect(RoutingMerge.consensus(of: routings, weights: [1, 1, 1, 1], backbone: routings[0]) == [1, 2, 3, 4])
        let withMore: [[UInt16]] = [[1, 2, 4], [1, 2, 3, 4], [1, 2, 3, 4]]
        #expect(RoutingMerge.consensus(of: withMore, weights: [1, 1, 1], backbone: withMore[0]) == [1, 2, 3, 4])
    }
}
