import ArgumentParser
import EventStore
import Foundation
import Proofs

/// The time to make the proof of one event of a long log, and to check it, at positions chosen at random.
struct ProofBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "proof")

    @OptionGroup var options: BenchOptions

    @Option(help: "How many proofs are made.")
    var proofs = 10_000

    func run() async throws {
        let base = try await BenchLog.prepare(events: options.events, in: options.data)
        let log = try LMDBEventLog.open(at: LogFolders(data: base.folder))
        let head = try log.giveOutTreeHead()
        guard let key = VerifierKey(text: log.identity.verifierKey) else {
            throw BenchError(description: "the log has no public key")
        }
        var (path, whole, check) = (Figures(), Figures(), Figures())
        var (hashes, bytes) = (0, 0)
        for _ in 0..<proofs {
            let position = Position.random(in: 0..<head.head.size)
            path.add(try time { _ = try TreeProof.inclusion(of: position, in: head.head.size, from: log) })
            var proof: EventProof?
            whole.add(try time { proof = try EventProof(of: position, in: log, under: head) })
            guard let proof else { continue }
            check.add(try time { _ = try proof.check(keys: [key]) })
            (hashes, bytes) = (max(hashes, proof.proof.path.count), max(bytes, proof.proof.text.utf8.count))
        }
        print("a log of \(head.head.size) events; at most \(hashes) hashes and \(bytes) bytes a proof")
        tell("audit path", path, bar: 1_000)
        tell("record, path and self-check", whole, bar: 1_000)
        tell("check with the public key", check, bar: nil)
        await log.close()
    }

    private func time(_ body: () throws -> Void) throws -> Double {
        let start = ContinuousClock.now
        try body()
        return (ContinuousClock.now - start) / .microseconds(1)
    }

    private func tell(_ what: String, _ figures: Figures, bar: Double?) {
        let (median, late) = (figures.percentile(0.5), figures.percentile(0.99))
        let verdict = bar.map { ", bar \(whole($0)): \(late < $0 ? "held" : "MISSED")" } ?? ""
        print("\(what): median \(whole(median)) us, p99 \(whole(late)) us\(verdict)")
    }
}
