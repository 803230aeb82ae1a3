import CoreMetrics
import EventStoreTesting
import Foundation
import ScrapeReading
import Testing

@testable import Observing

@Suite("Metrics as Prometheus reads them")
struct MetricTextTests {
    /// One of everything.
    private func filled() -> PrometheusMetrics {
        let metrics = PrometheusMetrics()
        metrics.counter(.requests, ["GET", "/a\"b\\c\n", "2xx"]).increment(by: 7)
        metrics.gauge(.feedSubscribers).set(2.5)
        for milliseconds in [1, 2, 900] {
            metrics.timer(.requestSeconds, ["GET", "/a"]).recordMilliseconds(milliseconds)
        }
        metrics.sample(.buildInfo) { [(["0.2.0"], 1)] }
        return metrics
    }

    @Test("The text is by the letter of the format: families, escapes, buckets that only grow, sums")
    func strict() throws {
        let text = String(decoding: filled().text(), as: UTF8.self)
        let families = try ScrapeReader.read(text)
        #expect(families["daybook_requests_total"]?.samples.first?.value == 7)
        #expect(families["daybook_requests_total"]?.samples.first?.labels["route"] == "/a\"b\\c\n")
        #expect(families["daybook_feed_subscribers"]?.samples.first?.value == 2.5)
        let histogram = try #require(families["daybook_request_seconds"])
        #expect(histogram.samples.first { $0.name.hasSuffix("_sum") }?.value == 0.903)
        #expect(histogram.samples.first { $0.labels["le"] == "0.0016" }?.value == 1)
        let summary = try #require(families["daybook_request_recent_seconds"])
        let p95 = try #require(summary.samples.first { $0.labels["quantile"] == "0.95" }?.value)
        #expect(abs(p95 / 0.9 - 1) < 0.091)
        // The controls: what is not by the letter is found.
        for bad in [
            "daybook_x 1\n", "# TYPE a counter\na{b=c} 1\n", "# TYPE a counter\na 1",
            "# TYPE a counter\na{b=\"\\x\"} 1\n",
            "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
            "# TYPE a counter\na 1\na 2\n",
        ] { #expect(throws: ScrapeReader.Fault.self, "\(bad)") { try ScrapeReader.read(bad) } }
    }

    @Test("Prometheus' own tool finds nothing to say about the text")
    func promtool() throws {
        guard let said = try Promtool.run(["check", "metrics"], input: filled().text()) else { return }
        #expect(said.status == 0 && said.text.isEmpty, "\(said.text)")
        let bad = try #require(try Promtool.run(["check", "metrics"], input: Array("# TYPE a counter\na{ 1\n".utf8)))
        #expect(bad.status != 0)
    }

    @Test("Two turns make a quantile forget, and a sum never does")
    func turns() throws {
        let metrics = filled()
        metrics.turnQuantiles()
        metrics.turnQuantiles()
        let families = try ScrapeReader.read(String(decoding: metrics.text(), as: UTF8.self))
        #expect(families["daybook_request_recent_seconds"]?.samples.first?.value.isNaN == true)
        #expect(families["daybook_request_seconds"]?.samples.first { $0.name.hasSuffix("_count") }?.value == 3)
    }

    @Test("A metric that the catalogue does not have cannot be made")
    func unknown() async {
        await #expect(processExitsWith: .failure) {
            _ = Counter(label: "daybook_made_up_total", factory: PrometheusMetrics())
        }
        await #expect(processExitsWith: .failure) {
            _ = Counter(label: MetricDefinition.requests.name, factory: PrometheusMetrics())
        }
        _ = Counter(label: MetricDefinition.feedDropped.name, factory: PrometheusMetrics())
    }

    @Test("Names, units and labels of the catalogue are as Prometheus has them, and each has a meaning")
    func catalogue() {
        #expect(Set(MetricCatalogue.all.map(\.name)).count == MetricCatalogue.all.count)
        for metric in MetricCatalogue.all {
            #expect(metric.name.wholeMatch(of: /(daybook|process)_[a-z_]+/) != nil, "\(metric.name)")
            #expect((metric.kind == .counter) == metric.name.hasSuffix("_total"), "\(metric.name)")
            #expect(metric.meaning.hasSuffix("."), "\(metric.name)")
            for unit in ["seconds", "bytes"] where metric.unit == unit {
                #expect(metric.name.contains(unit), "\(metric.name)")
            }
        }
    }

    @Test("The rules for alerts name metrics of the catalogue alone, and Prometheus takes them")
    func rules() throws {
        let path = Promtool.checkout.appending(path: "docs/alerts.rules.yml").path
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let expressions = text.split(separator: "\n").filter { $0.contains("expr:") || $0.hasPrefix("          ") }
        let named = Set(
            expressions.joined(separator: "\n").matches(of: /\b(daybook|process)_[a-z_]+/).map { "\($0.output.0)" }
        )
        #expect(named.count > 8)
        let known = Set(
            MetricCatalogue.all.flatMap { metric in
                switch metric.kind {
                case .histogram: ["_bucket", "_sum", "_count"].map { metric.name + $0 }
                case .summary: [metric.name, "\(metric.name)_sum", "\(metric.name)_count"]
                default: [metric.name]
                }
            }
        )
        #expect(named.subtracting(known).isEmpty)
        guard let said = try Promtool.run(["check", "rules", path]) else { return }
        #expect(said.status == 0, "\(said.text)")
        let bent = try TemporaryFolder()
        try text.replacing("expr: ", with: "expr: (", maxReplacements: 1)
            .write(toFile: bent.path("bad.yml"), atomically: false, encoding: .utf8)
        #expect(try Promtool.run(["check", "rules", bent.path("bad.yml")])?.status != 0)
    }
}

/// Prometheus' tool for checks.
enum Promtool {
    static let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// What it said; nil, with one line, where it is not installed.
    static func run(_ words: [String], input: [UInt8] = []) throws -> (status: Int32, text: String)? {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool") else {
            print("skipped: promtool is missing (Debian's package prometheus)")
            return nil
        }
        let folder = try TemporaryFolder()
        try Data(input).write(to: URL(filePath: folder.path("input")))
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/promtool")
        process.arguments = words
        process.standardInput = FileHandle(forReadingAtPath: folder.path("input"))
        let pipe = Pipe()
        process.standardError = pipe
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let said = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: said, as: UTF8.self))
    }
}
