import ArgumentParser
import Foundation
import RoutingModel

/// Cleaning and statistics of many times in many groups, as the preparation of a model does it, beside Polars and pandas; and its sums beside
/// plain ones.
struct AggregateBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "aggregate")

    @OptionGroup var options: BenchOptions

    @Option(help: "How many times there are.")
    var rows = 1_000_000

    @Option(help: "In how many groups.")
    var groups = 10_000

    @Option(help: "A Python that has Polars and pandas; without one there are no peers.")
    var python: String?

    func run() async throws {
        try FileManager.default.createDirectory(atPath: options.data, withIntermediateDirectories: true)
        let file = "\(options.data)/aggregate-\(rows)-\(groups).bin"
        try GroupedTimes(rows: rows, groups: groups).write(to: file)
        compareKernels()
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path
        let sides =
            [("ours", [program, "aggregate-once", file])]
            + (python.map { python in
                ["polars", "pandas"].map { ($0, [python, "Benchmarks/peers/aggregate_peer.py", $0, file]) }
            } ?? [])
        var told: [String: [AggregateFigures]] = [:]
        for _ in 0..<options.rounds {
            for (name, words) in sides {
                told[name, default: []].append(try AggregateFigures(Peer.run(words[0], Array(words.dropFirst()))))
            }
        }
        tell(told)
        if python == nil { print("aggregation, Polars and pandas: absent: no Python of theirs (--python)") }
    }

    private func tell(_ told: [String: [AggregateFigures]]) {
        guard let ours = told["ours"], let own = ours.first else { return }
        print("aggregation of \(rows) times in \(groups) groups, each side a process of its own")
        print("  ours: \(figures(ours)), \(own.outliers) outliers")
        for name in ["polars", "pandas"] {
            guard let theirs = told[name], let first = theirs.first else { continue }
            precondition(
                first.outliers == own.outliers && abs(first.check / own.check - 1) < 1e-9,
                "\(name) found what we found: \(first) and \(own)"
            )
            let times = median(theirs) { $0.milliseconds } / median(ours) { $0.milliseconds }
            let memory = median(theirs) { Double($0.peak) } / median(ours) { Double($0.peak) }
            let verdict = name == "polars" ? ", bar 1.00: \(times >= 1 && memory >= 1 ? "held" : "MISSED")" : ""
            print(
                "  \(name): \(figures(theirs)); ours is \(ratio(times)) times as fast in 1/\(ratio(memory)) of the memory\(verdict)"
            )
        }
    }

    private func figures(_ of: [AggregateFigures]) -> String {
        let times = of.map(\.milliseconds)
        return
            "\(ratio(median(of) { $0.milliseconds })) ms (\(ratio(times.min() ?? 0))..\(ratio(times.max() ?? 0))), \(whole(median(of) { Double($0.peak) } / 1024)) MiB"
    }

    private func median(_ of: [AggregateFigures], _ value: (AggregateFigures) -> Double) -> Double {
        var figures = Figures()
        for one in of { figures.add(value(one)) }
        return figures.median
    }

    /// Mean and deviation eight numbers at a time beside one at a time, on what fits the nearest cache and what does not.
    private func compareKernels() {
        for count in [100, 10_000, 1_000_000] {
            let values = GroupedTimes(rows: count, groups: 1).times
            var (ours, plain, sum) = (Figures(), Figures(), 0.0)
            for _ in 0..<max(options.rounds, 5) {
                let times = 20_000_000 / count
                plain.add(rate(times * count) { for _ in 0..<times { sum += Self.plain(values).deviation } })
                ours.add(
                    rate(times * count) { for _ in 0..<times { sum += Kernels.meanAndDeviation(values).deviation } }
                )
            }
            precondition(sum.isFinite)
            report("mean and deviation of \(count) by SIMD", ours: ours, peer: plain, unit: "numbers/s", bar: 3)
        }
    }

    private func rate(_ numbers: Int, _ work: () -> Void) -> Double {
        let start = ContinuousClock.now
        work()
        return Double(numbers) / ((ContinuousClock.now - start) / .seconds(1))
    }

    @inline(never)
    private static func plain(_ values: [Double]) -> (mean: Double, deviation: Double) {
        var sum = 0.0
        for value in values { sum += value }
        let mean = sum / Double(values.count)
        var squares = 0.0
        for value in values { squares += (value - mean) * (value - mean) }
        return (mean, (squares / Double(values.count - 1)).squareRoot())
    }
}

/// What one process says of its run.
struct AggregateFigures {
    /// The median of a few runs after a first one.
    let milliseconds: Double
    /// The most memory of the whole process, in KiB.
    let peak: Int
    let outliers: Int
    /// The sum of some of the results, to compare.
    let check: Double

    init(milliseconds: Double, peak: Int, outliers: Int, check: Double) {
        (self.milliseconds, self.peak, self.outliers, self.check) = (milliseconds, peak, outliers, check)
    }

    init(_ text: String) throws {
        let words = text.split(whereSeparator: \.isWhitespace).suffix(4).compactMap { Double($0) }
        guard words.count == 4 else { throw BenchError(description: "no four figures: \(text)") }
        self.init(milliseconds: words[0], peak: Int(words[1]), outliers: Int(words[2]), check: words[3])
    }
}

/// One side's process.
struct AggregateOnce: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "aggregate-once", shouldDisplay: false)

    @Argument var file: String

    func run() throws {
        let data = try GroupedTimes(file)
        var figures = Figures()
        var (outliers, check) = (0, 0.0)
        for round in 0..<6 {
            let start = ContinuousClock.now
            let grouping = Grouping(data.codes, count: data.groups)
            let cleaning = TimeCleaning(data.times, grouping, zLimit: 3, trimPercent: 2.5)
            if round > 0 { figures.add((ContinuousClock.now - start) / .milliseconds(1)) }
            outliers = cleaning.outliers.count
            check = (cleaning.before + cleaning.after).reduce(0) { sum, group in
                guard let group else { return sum }
                return sum + group.mean + group.deviation + group.quartile1 + group.median + group.quartile3
            }
        }
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        print(figures.median, usage.ru_maxrss, outliers, check)
    }
}

/// Lognormal times in groups, the same in each run, in a file that all sides read: the numbers of rows and groups, codes, times.
struct GroupedTimes {
    let groups: Int
    let codes: [Int32]
    let times: [Double]

    init(rows: Int, groups: Int) {
        var random = SeededRandom(11)
        self.groups = groups
        let centres = (0..<groups).map { _ in random.normal() }
        codes = (0..<rows).map { _ in Int32(random.next() % UInt64(groups)) }
        // One in a thousand is ten times too long.
        times = codes.map { exp(centres[Int($0)] + 0.35 * random.normal()) * (random.next() % 1000 == 0 ? 10 : 1) }
    }

    init(_ path: String) throws {
        let bytes = try Data(contentsOf: URL(filePath: path), options: .mappedIfSafe)
        let (rows, groups) = bytes.withUnsafeBytes {
            (Int($0.loadUnaligned(as: Int64.self)), Int($0.loadUnaligned(fromByteOffset: 8, as: Int64.self)))
        }
        self.groups = groups
        codes = Self.values(bytes, 16, rows)
        times = Self.values(bytes, 16 + rows * 4, rows)
    }

    private static func values<Value: BitwiseCopyable>(_ bytes: Data, _ start: Int, _ count: Int) -> [Value] {
        [Value](unsafeUninitializedCapacity: count) { buffer, filled in
            bytes.copyBytes(
                to: UnsafeMutableRawBufferPointer(buffer),
                from: start..<(start + count * MemoryLayout<Value>.stride)
            )
            filled = count
        }
    }

    func write(to path: String) throws {
        var bytes = Data()
        for number in [Int64(codes.count), Int64(groups)] {
            withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
        }
        codes.withUnsafeBytes { bytes.append(contentsOf: $0) }
        times.withUnsafeBytes { bytes.append(contentsOf: $0) }
        try bytes.write(to: URL(filePath: path))
    }
}
