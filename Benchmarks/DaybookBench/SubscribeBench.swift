import ArgumentParser
import Dispatch
import EventStore
import Foundation
import Glibc

/// How long until a subscriber in another process has an event, and what waiting costs it.
struct SubscribeBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "subscribe")

    @OptionGroup var options: BenchOptions

    @Option(help: "How many events are appended, one at a time.")
    var appends = 500

    func run() async throws {
        let base = try await BenchLog.prepare(events: options.events, in: options.data)
        let copy = try base.copy("our-log")
        let log = try LMDBEventLog.open(at: LogFolders(data: copy))
        let first = try await log.append(BenchLog.request(BenchLog.streams[0])).checkpoint
        let child = Process()
        let pipe = Pipe()
        child.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        child.arguments = ["follow", copy, "\(first)", "\(appends)"]
        child.standardOutput = pipe
        try child.run()
        try await Task.sleep(for: .seconds(12))
        var calls: [Position: Double] = [:]
        var acknowledgements: [Position: Double] = [:]
        for _ in 0..<appends {
            let called = monotonicMilliseconds()
            let position = try await log.append(BenchLog.request(BenchLog.streams[0])).first
            calls[position] = called
            acknowledgements[position] = monotonicMilliseconds()
            try await Task.sleep(for: .milliseconds(Int.random(in: 5...40)))
        }
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        child.waitUntilExit()
        await log.close()
        try tell(text, calls: calls, acknowledgements: acknowledgements)
    }

    private func tell(_ text: String, calls: [Position: Double], acknowledgements: [Position: Double]) throws {
        var (fromCall, fromAcknowledgement) = (Figures(), Figures())
        var seenCount = 0
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == "cpu" { print("idle CPU of the subscriber: \(words[1]) % (bar: under 1 %)") }
            guard words.first == "seen", let position = Position(words[1]), let seen = Double(words[2]),
                let call = calls[position], let acknowledged = acknowledgements[position]
            else { continue }
            seenCount += 1
            fromCall.add((seen - call) * 1000)
            fromAcknowledgement.add((seen - acknowledged) * 1000)
        }
        guard seenCount == appends else { throw BenchError(description: "\(seenCount) of \(appends) events were seen") }
        for (what, figures) in [("the acknowledgement", fromAcknowledgement), ("the call", fromCall)] {
            let p99 = figures.percentile(0.99)
            print(
                "seen in another process, from \(what): p50 \(whole(figures.median)) us, p99 \(whole(p99)) us",
                "(bar: p99 under 25000 us): \(p99 < 25_000 ? "held" : "MISSED")"
            )
        }
    }
}

/// The subscriber's side of ``SubscribeBench``: idles, then tells when each event came.
struct FollowBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "follow", shouldDisplay: false)

    @Argument(help: "The folder that holds the log.")
    var data: String
    @Argument var first: UInt64
    @Argument var count: UInt64

    func run() async throws {
        let log = try LMDBEventLog.open(at: LogFolders(data: data))
        let idle = Task {
            try await Task.sleep(for: .seconds(1))
            let before = processorSeconds()
            try await Task.sleep(for: .seconds(10))
            return (processorSeconds() - before) * 10
        }
        var lines: [String] = []
        for try await page in log.subscribe(from: first) {
            let now = monotonicMilliseconds()
            lines += page.events.map { "seen \($0.position) \(now)" }
            if page.next >= first + count { break }
        }
        print("cpu \(ratio(try await idle.value))")
        print(lines.joined(separator: "\n"))
        await log.close()
    }
}

/// The monotonic clock, the same for all processes of the host.
private func monotonicMilliseconds() -> Double { Double(DispatchTime.now().uptimeNanoseconds) / 1_000_000 }

/// Processor time that this process has used, in seconds.
private func processorSeconds() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }
