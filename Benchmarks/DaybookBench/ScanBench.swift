import ArgumentParser
import EventStore
import Foundation

/// A scan of the whole log in checked pages with the leaf hash of each record, beside a bare cursor with SHA-256 of each.
struct ScanBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "scan")

    @OptionGroup var options: BenchOptions

    func run() async throws {
        let base = try await BenchLog.prepare(events: options.events, in: options.data)
        let peer = try Peer(in: options.data)
        let peerFolder = "\(base.folder)/log"
        let log = try LMDBEventLog.open(at: LogFolders(data: base.folder))
        _ = try scanRate(log, hashing: false)
        _ = try peer.figure("scan", peerFolder)
        var (hashed, read, theirs) = (Figures(), Figures(), Figures())
        for _ in 0..<options.rounds {
            theirs.add(try peer.figure("scan", peerFolder))
            hashed.add(try scanRate(log, hashing: true))
            read.add(try scanRate(log, hashing: false))
        }
        report("scan, checked, copied and hashed", ours: hashed, peer: theirs, unit: "events/s", bar: 0.7)
        report("scan, checked and copied", ours: read, peer: theirs, unit: "events/s", bar: 0.7)
        await log.close()
    }

    private func scanRate(_ log: LMDBEventLog, hashing: Bool) throws -> Double {
        let start = ContinuousClock.now
        var next: Position = 0
        var sum: UInt8 = 0
        while true {
            let page = try log.page(from: next, limit: 512)
            if page.events.isEmpty { break }
            if hashing { for event in page.events { sum ^= MerkleFrontier.leaf(of: event.record)[0] } }
            next = page.next
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        guard next > 0, hashing || sum == 0 else { throw BenchError(description: "the log is empty") }
        return Double(next) / seconds
    }
}
