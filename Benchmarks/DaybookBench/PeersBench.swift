import ArgumentParser

/// The bare C programs alone: what this machine and its disk give without Daybook.
struct PeersBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "peers")

    @OptionGroup var options: BenchOptions

    @Option(help: "Seconds of each run.")
    var seconds = 3.0

    func run() async throws {
        let base = try await BenchLog.prepare(events: options.events, in: options.data)
        let folder = "\(try base.copy("peer-log"))/log"
        let log = try Peer(in: options.data)
        for callers in [1, 16, 64] {
            try show("append, \(callers) a commit") { try log.figure("append", folder, "\(callers)", "\(seconds)") }
        }
        try show("scan with SHA-256") { try log.figure("scan", folder) }
        let mixed = try await MixedLog.prepare(events: options.events, in: options.data)
        let rows = try Peer("rebuild_peer", libraries: ["-llmdb", "-lsqlite3"], in: options.data)
        try show("one row each by json_extract") {
            Double(options.events) / (try rows.figure("\(mixed)/log", "\(mixed)/peer.db"))
        }
    }

    private func show(_ what: String, _ measure: () throws -> Double) throws {
        var figures = Figures()
        for _ in 0..<options.rounds { figures.add(try measure()) }
        print("\(what): \(whole(figures.median)) (\(figures.range)) events/s")
    }
}
