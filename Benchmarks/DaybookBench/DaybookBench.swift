import ArgumentParser
import Extraction
import Foundation

/// Runs the log beside bare programs on the same data, alternating, and prints ratios.
@main
struct DaybookBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daybook-bench",
        abstract: "Measure the log beside its peers, side by side in one run.",
        subcommands: [
            AppendBench.self, ScanBench.self, SubscribeBench.self, FollowBench.self, RebuildBench.self,
            VerifyBench.self, ProofBench.self, BundleBench.self, BackupBench.self, IndexBench.self, PeersBench.self,
            HTTPHome.self, MemoryRoute.self, FeedHome.self, FeedBench.self, ExtractBench.self, AggregateBench.self,
            AggregateOnce.self, SimilarRoute.self,
        ]
    )

    static func main() async {
        // As in the program: of one thread, before anything starts another.
        if CommandLine.arguments.dropFirst() == ["read-source"] { Foundation.exit(ReadingProcess.run()) }
        await main(nil)
    }
}

/// What every comparison is given.
struct BenchOptions: ParsableArguments {
    @Option(help: "Where the generated data is kept between runs.")
    var data = ".build/bench"

    @Option(help: "How many events the log holds before the measurement.")
    var events = 1_000_000

    @Option(help: "How often each side runs.")
    var rounds = 5
}

/// Figures of one side, and how they are told.
struct Figures {
    private var values: [Double] = []

    mutating func add(_ value: Double) { values.append(value) }

    var median: Double { percentile(0.5) }

    /// The value below which a share of the figures lie.
    func percentile(_ share: Double) -> Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    /// The least and the greatest figure, for the spread.
    var range: String { "\(whole(values.min() ?? 0))..\(whole(values.max() ?? 0))" }
}

/// A figure without decimals.
func whole(_ value: Double) -> String { String(Int(value.rounded())) }

/// A ratio with two decimals.
func ratio(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
}

/// One line of the result: both sides, the ratio, and whether the bar is held.
func report(_ what: String, ours: Figures, peer: Figures, unit: String, bar: Double) {
    let value = ours.median / max(peer.median, 1)
    print(
        """
        \(what): ours \(whole(ours.median)) (\(ours.range)), peer \(whole(peer.median)) (\(peer.range)) \(unit); \
        ratio \(ratio(value)), bar \(ratio(bar)): \(value >= bar ? "held" : "MISSED")
        """
    )
}
