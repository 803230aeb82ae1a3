import DurableFiles
import EventStoreTesting
import Foundation
import Testing

@testable import RoutingModel

@Suite("Index of nearest neighbours")
struct NeighbourIndexTests {
    @Test("Two builds with one seed give the same bytes; another seed and another order give others")
    func determinism() throws {
        let folder = try TemporaryFolder()
        let vectors = IndexSamples.vectors(1500, dimension: 19)
        func bytes(_ vectors: [Float], seed: UInt32) throws -> [UInt8] {
            let parameters = try IndexParameters(.l2, dimension: 19, m: 8, efConstruction: 60, seed: seed)
            try NeighbourIndex.build(vectors, parameters).save(to: folder.path("i.bin"))
            return try DurableFile.read(folder.path("i.bin"))
        }
        let first = try bytes(vectors, seed: 42)
        #expect(try bytes(vectors, seed: 42) == first)
        #expect(try bytes(vectors, seed: 43) != first)
        #expect(try bytes(Array(vectors.suffix(19) + vectors.dropLast(19)), seed: 42) != first)
    }

    @Test("A search finds what a look at all finds, in every space and with dimensions of every kernel")
    func recall() throws {
        for space in IndexParameters.Space.allCases {
            for dimension in [3, 6, 16, 20, 29] {
                let vectors = IndexSamples.vectors(2000, dimension: dimension)
                let parameters = try IndexParameters(space, dimension: dimension, m: 12, efConstruction: 100)
                let index = try NeighbourIndex.build(vectors, parameters)
                var hits = 0
                for row in stride(from: 0, to: 2000, by: 40) {
                    let query = IndexSamples.query(row, of: vectors, dimension: dimension)
                    let truth = try index.exact(query, k: 10)
                    let found = try index.search(query, k: 10, ef: 200)
                    #expect(truth.count == 10 && found.count == 10)
                    #expect(truth == truth.sorted { ($0.distance, $0.label) < ($1.distance, $1.label) })
                    hits += Set(truth.map(\.label)).intersection(found.map(\.label)).count
                }
                // An inner product is no metric: its graph leads less well.
                let least = space == .ip ? 0.8 : 0.98
                #expect(Double(hits) / 500 >= least, "\(space) \(dimension): \(hits) of 500")
            }
        }
    }

    @Test("A look at plain rows finds what the index's look at all finds, whatever is left out")
    func plainRows() throws {
        let vectors = IndexSamples.vectors(1000, dimension: 21)
        let index = try NeighbourIndex.build(vectors, try IndexParameters(.l2, dimension: 21))
        let some = (0..<1000).filter { $0 % 3 != 0 }
        for among in [Array(0..<1000), some, []] {
            let search = ExactSearch(vectors, dimension: 21, among: among)
            let rows = Array(stride(from: 0, to: 1000, by: 7))
            for (row, found) in zip(rows, search.nearest(toRows: rows, 12)) {
                let query = Array(vectors[(row * 21)..<((row + 1) * 21)])
                let truth = try index.exact(query, k: 12) { $0 != row && (among.count == 1000 || $0 % 3 != 0) }
                #expect(found.map(\.part) == (among.isEmpty ? [] : truth.map(\.label)))
                #expect(found.map(\.distance) == (among.isEmpty ? [] : truth.map { Double($0.distance) }))
            }
            let all = search.nearest(to: vectors, 3)
            #expect(all.count == 1000 && all.allSatisfy { $0.count == (among.isEmpty ? 0 : 3) })
        }
        let few = ExactSearch(Array(vectors[..<42]), dimension: 21, among: [0, 1]).nearest(toRows: [0, 1], 5)
        #expect(few.map { $0.map(\.part) } == [[1], [0]])
    }

    @Test("A look at all gives the distances of the definition")
    func distances() throws {
        let vectors: [Float] = [0, 0, 3, 4, 1, 0, 0, 2]
        func found(_ space: IndexParameters.Space) throws -> [Neighbour] {
            let index = try NeighbourIndex.build(vectors, try IndexParameters(space, dimension: 2, m: 4))
            return try index.exact([1, 0], k: 9)
        }
        #expect(try found(.l2).map(\.label) == [2, 0, 3, 1])
        #expect(try found(.l2).map(\.distance) == [0, 1, 5, 20])
        #expect(try found(.ip).map(\.label) == [1, 2, 0, 3])
        #expect(try found(.ip).map(\.distance) == [-2, 0, 1, 1])
        #expect(try found(.cosine).map(\.label) == [2, 1, 0, 3])
        let cosine = try found(.cosine).map(\.distance)
        #expect(abs(cosine[1] - 0.4) < 1e-6 && cosine[0] < 1e-6)
    }

    @Test("Of equal distances the lower label comes first, and k above the count gives all")
    func ties() throws {
        let index = try NeighbourIndex.build(
            [Float](repeating: 1, count: 4 * 50),
            try IndexParameters(.l2, dimension: 4, m: 16)
        )
        #expect(try index.exact([1, 1, 1, 2], k: 99).map(\.label) == Array(0..<50))
        #expect(try index.exact([1, 1, 1, 2], k: 7).map(\.label) == Array(0..<7))
        #expect(try index.search([1, 1, 1, 2], k: 99, ef: 99).count == index.count)
    }

    @Test("A filter gives the nearest of those that pass, however few they are")
    func filter() throws {
        let vectors = IndexSamples.vectors(4000, dimension: 16)
        let index = try IndexSamples.index(4000)
        for (share, ef) in [(2, 50), (7, 50), (100, 10), (1999, 200)] {
            let query = IndexSamples.query(share, of: vectors, dimension: 16)
            let admit = { (label: Int) in label.isMultiple(of: share) }
            let found = try index.search(query, k: 10, ef: ef, admit: admit)
            let passing = (0..<4000).filter(admit)
            let nearest = passing.map { label in
                (distance: zip(query, vectors[(label * 16)...]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }, label)
            }.sorted { $0.distance < $1.distance }.prefix(10)
            #expect(found.count == min(10, passing.count))
            let hits = Set(found.map(\.label)).intersection(nearest.map(\.1)).count
            #expect(hits >= found.count - 1, "every \(share). of all: \(hits)")
            #expect(try index.exact(query, k: 10, admit: admit).map(\.label) == nearest.map(\.1))
        }
        #expect(try index.search(IndexSamples.query(0, of: vectors, dimension: 16), k: 3, ef: 9) { _ in false } == [])
    }

    @Test("A cancelled build is told how far it came, and leaves nothing; one that goes on is told of its end")
    func cancel() throws {
        let parameters = try IndexParameters(.l2, dimension: 8, m: 8, efConstruction: 40)
        let vectors = IndexSamples.vectors(3000, dimension: 8)
        var told: [Int] = []
        let fault = #expect(throws: RoutingModelFault.self) {
            try NeighbourIndex.build(vectors, parameters) { done, of in
                told.append(done)
                return of == 3000 && done < 1000
            }
        }
        #expect(fault?.code == .cancelled && told == [256, 512, 768, 1024])
        told = []
        _ = try NeighbourIndex.build(vectors, parameters) { done, _ in told.append(done) == () }
        #expect(told.last == 3000)
    }

    @Test("A build by several threads holds every vector and is as good as one by a single thread")
    func parallel() throws {
        let vectors = IndexSamples.vectors(4000, dimension: 16)
        let parameters = try IndexParameters(.l2, dimension: 16, m: 8, efConstruction: 60)
        var told: [Int] = []
        let index = try NeighbourIndex.build(vectors, parameters, threads: 4) { done, _ in
            told.append(done)
            return true
        }
        #expect(index.count == 4000 && told.first == 1 && told.last == 4000)
        let folder = try TemporaryFolder()
        try index.save(to: folder.path("i.bin"))
        let loaded = try NeighbourIndex.load(folder.path("i.bin"), expecting: parameters)
        var hits = 0
        for row in stride(from: 0, to: 4000, by: 40) {
            let query = IndexSamples.query(row, of: vectors, dimension: 16)
            let truth = try index.exact(query, k: 10).map(\.label)
            hits += Set(truth).intersection(try loaded.search(query, k: 10, ef: 150).map(\.label)).count
        }
        #expect(hits >= 980, "\(hits) of 1000")
    }

    @Test("What is no vector, no query or no parameter is refused, and says what was given")
    func badInput() throws {
        let parameters = try IndexParameters(.l2, dimension: 4, m: 4)
        for vectors in [[], [1, 2, 3], [1, 2, 3, .nan], [1, 2, 3, .infinity]] as [[Float]] {
            let fault = #expect(throws: RoutingModelFault.self) { try NeighbourIndex.build(vectors, parameters) }
            #expect(fault?.code == .unusableData)
        }
        let index = try NeighbourIndex.build([1, 2, 3, 4], parameters)
        for (query, k, ef) in [([1], 1, 1), ([1, 2, 3, .nan], 1, 1), ([1, 2, 3, 4], 0, 1), ([1, 2, 3, 4], 1, 0)]
            as [([Float], Int, Int)]
        {
            let fault = #expect(throws: RoutingModelFault.self) { try index.search(query, k: k, ef: ef) }
            #expect(fault?.code == .badQuery)
        }
        for (dimension, m, ef) in [(0, 4, 1), (4, 1, 1), (4, 4, 0), (65_537, 4, 4)] {
            #expect(throws: RoutingModelFault.self) {
                try IndexParameters(.l2, dimension: dimension, m: m, efConstruction: ef)
            }
        }
        #expect(try index.search([1, 2, 3, 4], k: 5, ef: 1) == [Neighbour(label: 0, distance: 0)])
    }

    @Test("Many threads ask one index, each with its own breadth, and each gets what it gets alone")
    func concurrency() async throws {
        let index = try IndexSamples.index(4000)
        let vectors = IndexSamples.vectors(4000, dimension: 16)
        func answers(_ worker: Int) throws -> [[Neighbour]] {
            try (0..<100).map { step in
                let query = IndexSamples.query((worker * 131 + step * 17) % 4000, of: vectors, dimension: 16)
                return try index.search(query, k: 5 + worker % 3, ef: 5 + 20 * worker)
            }
        }
        let alone = try (0..<16).map(answers)
        try await withThrowingTaskGroup(of: (Int, [[Neighbour]]).self) { group in
            for worker in 0..<16 { group.addTask { (worker, try answers(worker)) } }
            for try await (worker, found) in group { #expect(found == alone[worker], "worker \(worker)") }
        }
    }

    @Test("The kernel and the memory are told")
    func told() throws {
        #expect(try IndexParameters(.l2, dimension: 128).kernel == "hnswlib 0.6 l2-fma-8x4")
        #expect(try IndexParameters(.cosine, dimension: 29).kernel == "hnswlib 0.6 ip-fma-8x4")
        let index = try IndexSamples.index(2000)
        #expect(index.memoryBytes > 2000 * (16 * 4 + 16 * 4) && index.memoryBytes < 1_000_000)
    }
}
