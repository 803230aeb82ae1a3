import ArgumentParser
import Foundation
import RoutingModel

/// Build and search of the index of nearest neighbours, beside bare C++ hnswlib on the same vectors and the same graph.
struct IndexBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "index")

    @OptionGroup var options: BenchOptions

    @Option(help: "How many vectors the index holds.")
    var vectors = 100_000

    @Option(help: "Numbers per vector.")
    var dimension = 128

    @Option(help: "How many neighbours a query wants.")
    var neighbours = 50

    @Option(help: "The breadth of a search.")
    var ef = 128

    @Option(help: "How often the build runs; each is long.")
    var builds = 2

    func run() async throws {
        let peer = try Peer(
            "index_peer",
            compiler: ["g++", "-O3", "-march=native", "-std=c++17", "-pthread"],
            suffix: "cpp",
            libraries: [],
            in: options.data
        )
        var numbers = Clusters(dimension: dimension)
        let rows = numbers.next(vectors)
        let queries = numbers.next(2000)
        let (rowsFile, queriesFile) = ("\(options.data)/vectors.f32", "\(options.data)/queries.f32")
        let indexFile = "\(options.data)/index.bin"
        try write(rows, to: rowsFile)
        try write(queries, to: queriesFile)
        let parameters = try IndexParameters(.l2, dimension: dimension)
        print(
            "\(vectors) x \(dimension), M \(parameters.m), ef_construction \(parameters.efConstruction), \(parameters.kernel)"
        )

        var (ours, theirs) = (Figures(), Figures())
        for _ in 0..<max(1, builds) {
            theirs.add(
                try peer.figure(
                    "build",
                    rowsFile,
                    "\(dimension)",
                    "\(parameters.m)",
                    "\(parameters.efConstruction)",
                    "\(parameters.seed)"
                )
            )
            let start = ContinuousClock.now
            let index = try NeighbourIndex.build(rows, parameters)
            ours.add(Double(vectors) / seconds(since: start))
            try index.save(to: indexFile)
        }
        report("index build, 1 thread", ours: ours, peer: theirs, unit: "vectors/s", bar: 0.95)
        try search(queries, NeighbourIndex.load(indexFile, expecting: parameters), peer, indexFile, queriesFile)
    }

    private func search(
        _ queries: [Float],
        _ index: NeighbourIndex,
        _ peer: Peer,
        _ indexFile: String,
        _ queriesFile: String
    ) throws {
        let rows = stride(from: 0, to: queries.count, by: dimension).map { Array(queries[$0..<$0 + dimension]) }
        for query in rows.prefix(200) { _ = try index.search(query, k: neighbours, ef: ef) }
        var (ours, theirs, waits, exact) = (Figures(), Figures(), Figures(), Figures())
        for _ in 0..<options.rounds {
            theirs.add(
                try peer.figure("search", indexFile, queriesFile, "\(dimension)", "\(neighbours)", "\(ef)")
            )
            let start = ContinuousClock.now
            for _ in 0..<4 { for query in rows { _ = try index.search(query, k: neighbours, ef: ef) } }
            ours.add(Double(4 * rows.count) / seconds(since: start))
        }
        report(
            "index search, k \(neighbours), ef \(ef), 1 thread",
            ours: ours,
            peer: theirs,
            unit: "queries/s",
            bar: 0.95
        )
        var hits = 0
        for query in rows.prefix(500) {
            var start = ContinuousClock.now
            let found = try index.search(query, k: neighbours, ef: ef)
            waits.add(seconds(since: start) * 1_000_000)
            start = ContinuousClock.now
            let truth = try index.exact(query, k: neighbours)
            exact.add(seconds(since: start) * 1000)
            hits += Set(truth.map(\.label)).intersection(found.map(\.label)).count
        }
        print(
            "recall@\(neighbours) \(ratio(Double(hits) / Double(500 * neighbours))); search p95 \(whole(waits.percentile(0.95))) us; look at all: median \(whole(exact.median)) ms, bar 50 ms: \(exact.median <= 50 ? "held" : "MISSED"); \(index.memoryBytes >> 20) MiB"
        )
    }

    private func seconds(since start: ContinuousClock.Instant) -> Double { (ContinuousClock.now - start) / .seconds(1) }

    private func write(_ numbers: [Float], to path: String) throws {
        try numbers.withUnsafeBytes { try Data($0).write(to: URL(filePath: path)) }
    }
}

/// Vectors in clusters, the same in each run.
private struct Clusters {
    private let dimension: Int
    private var state: UInt64 = 42
    private var centres: [Float] = []

    init(dimension: Int) {
        self.dimension = dimension
        for _ in 0..<200 * dimension { centres.append(8 * uniform()) }
    }

    mutating func next(_ count: Int) -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(count * dimension)
        for _ in 0..<count {
            let centre = Int(200 * uniform()) * dimension
            for slot in 0..<dimension { result.append(centres[centre + slot] + uniform() + uniform() + uniform()) }
        }
        return result
    }

    /// SplitMix64, its upper 24 bits as 0 to 1.
    private mutating func uniform() -> Float {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return Float((word ^ word >> 31) >> 40) / Float(1 << 24)
    }
}
