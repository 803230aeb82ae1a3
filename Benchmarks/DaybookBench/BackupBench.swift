import ArgumentParser
import Backups
import EventStore
import Foundation

/// A hot copy of the log, read, verified and packed, beside `cp` and `sha256sum` of the same bytes; and an import of the log.
///
/// Bars: a backup of 1 GB in 30 seconds, an import of 150,000 events a second.
struct BackupBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "backup")

    @OptionGroup var options: BenchOptions

    func run() async throws {
        let base = try await BenchLog.prepare(events: options.events, in: options.data)
        let log = try LMDBEventLog.open(at: LogFolders(data: base.folder))
        let folder = "\(base.folder)/backups"
        let size = Double(
            try FileManager.default.attributesOfItem(atPath: "\(base.folder)/log/data.mdb")[.size] as? Int ?? 0
        )
        var (ours, peer) = (Figures(), Figures())
        for _ in 0..<options.rounds {
            try? FileManager.default.removeItem(atPath: folder)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            peer.add(size / 1_000_000 / (try copyAndSum("\(base.folder)/log/data.mdb", folder)))
            ours.add(size / 1_000_000 / (try backUp(log, folder)))
        }
        report("backup, copied, verified, packed and digested", ours: ours, peer: peer, unit: "MB/s", bar: 0.1)
        let seconds = 1000 / max(ours.median, 1)
        print("a backup of 1 GB takes \(whole(seconds)) s, bar 30 s: \(seconds <= 30 ? "held" : "MISSED")")
        try importOften(log, folder)
        try FileManager.default.removeItem(atPath: folder)
        await log.close()
    }

    /// What `daybook backup create` does with the log.
    private func backUp(_ log: LMDBEventLog, _ folder: String) throws -> Double {
        let start = ContinuousClock.now
        try FileManager.default.createDirectory(atPath: "\(folder)/log", withIntermediateDirectories: true)
        try log.copy(to: "\(folder)/log")
        let copy = try StagedLog.open(data: folder)
        let checked = try withExtendedLifetime(copy) { try LogVerification.verify(copy) }
        let facts = BackupFacts(
            program: "bench",
            createdAt: "",
            install: log.identity.install.uuidString,
            origin: log.identity.origin,
            verifierKey: log.identity.verifierKey,
            logSize: Int(checked.events),
            root: "",
            treeHead: nil
        )
        let source = BackupArchive.Source(path: "home/data/log/data.mdb", file: "\(folder)/log/data.mdb", mode: 0o600)
        _ = try BackupArchive.write([source], facts, to: "\(folder)/backup.tar")
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private func copyAndSum(_ file: String, _ folder: String) throws -> Double {
        let start = ContinuousClock.now
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = [
            "-c", "cp \"$0\" \"$1/peer\" && sync \"$1/peer\" && sha256sum \"$1/peer\" >/dev/null", file, folder,
        ]
        try shell.run()
        shell.waitUntilExit()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private func importOften(_ log: LMDBEventLog, _ folder: String) throws {
        let file = "\(folder)/log.raw"
        _ = try RawLog.export(log, from: 0, blobs: "\(folder)/none", to: file)
        var rates = Figures()
        for round in 0..<options.rounds {
            let start = ContinuousClock.now
            let done = try RawLog.importLog(
                from: file,
                into: "\(folder)/import-\(round)/log",
                blobs: "\(folder)/import-\(round)/blobs",
                pinned: nil
            )
            rates.add(Double(done.records) / ((ContinuousClock.now - start) / .seconds(1)))
            try FileManager.default.removeItem(atPath: "\(folder)/import-\(round)")
        }
        let bar = 150_000.0
        print(
            "import, checked, hashed, indexed and signed: \(whole(rates.median)) (\(rates.range)) events/s, bar \(whole(bar)): \(rates.median >= bar ? "held" : "MISSED")"
        )
    }
}
