import ArgumentParser
import EventStore
import Foundation

/// The verification of a whole log, as `verify --log-only` does it, beside bare SHA-256 over the same bytes.
struct VerifyBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "verify")

    @OptionGroup var options: BenchOptions

    func run() async throws {
        let base = try await BenchLog.prepare(events: options.events, in: options.data)
        let peer = try Peer(in: options.data)
        let peerFolder = "\(base.folder)/log"
        let log = try LMDBEventLog.open(at: LogFolders(data: base.folder))
        _ = try await rate(log)
        _ = try peer.figure("scan", peerFolder)
        var (ours, theirs, seconds) = (Figures(), Figures(), Figures())
        for _ in 0..<options.rounds {
            theirs.add(try peer.figure("scan", peerFolder))
            let rate = try await rate(log)
            ours.add(rate)
            seconds.add(Double(options.events) / rate * 1000)
        }
        report("verify, beside bare SHA-256", ours: ours, peer: theirs, unit: "events/s", bar: 0.5)
        print(
            "verify of \(options.events) events: \(whole(seconds.median)) ms (\(seconds.range)), bar 3000 ms a million"
        )
        await log.close()
    }

    /// Events per second; on a thread of its own, as the reading blocks.
    private func rate(_ log: LMDBEventLog) async throws -> Double {
        try await withCheckedThrowingContinuation { continuation in
            Thread {
                continuation.resume(
                    with: Result {
                        let start = ContinuousClock.now
                        let report = try LogVerification.verify(log)
                        return Double(report.events) / ((ContinuousClock.now - start) / .seconds(1))
                    }
                )
            }.start()
        }
    }
}
