import ArgumentParser
import EventStore
import Foundation

/// Durable appends of 300-byte events by 1, 16 and 64 callers, beside a C loop that commits as many events at once.
struct AppendBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "append")

    @OptionGroup var options: BenchOptions

    @Option(help: "Seconds of each run.")
    var seconds = 3.0

    func run() async throws {
        let base = try await BenchLog.prepare(events: options.events, in: options.data)
        let peer = try Peer(in: options.data)
        let peerFolder = "\(try base.copy("peer-log"))/log"
        let log = try LMDBEventLog.open(at: LogFolders(data: try base.copy("our-log")))
        for (callers, bar) in [(1, 0.70), (16, 0.75), (64, 0.75)] {
            var (ours, theirs) = (Figures(), Figures())
            for _ in 0..<options.rounds {
                theirs.add(try peer.figure("append", peerFolder, "\(callers)", "\(seconds)"))
                ours.add(try await appendRate(log, callers: callers))
            }
            report("append, \(callers) callers", ours: ours, peer: theirs, unit: "events/s", bar: bar)
        }
        await log.close()
    }

    /// Events per second that so many callers append, each waiting for its own acknowledgement.
    private func appendRate(_ log: LMDBEventLog, callers: Int) async throws -> Double {
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        let total = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<callers {
                group.addTask {
                    var random = SystemRandomNumberGenerator()
                    var count = 0
                    while ContinuousClock.now < end {
                        let stream = BenchLog.streams.randomElement(using: &random) ?? BenchLog.streams[0]
                        _ = try await log.append(BenchLog.request(stream))
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        return Double(total) / ((ContinuousClock.now - start) / .seconds(1))
    }
}
