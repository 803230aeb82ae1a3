import ArgumentParser
import CPOSIX
import EventStore
import Foundation
import GRDB
import Projecting
import ReadModels

/// A rebuild of all projections from a log of mixed events, beside a C program that lets json_extract fill one row each;
/// then the read models as of random positions.
struct RebuildBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rebuild")

    @OptionGroup var options: BenchOptions

    func run() async throws {
        // As the program itself does at its start.
        cposix_return_freed_memory()
        let folder = try await MixedLog.prepare(events: options.events, in: options.data)
        let peer = try Peer("rebuild_peer", libraries: ["-llmdb", "-lsqlite3"], in: options.data)
        let log = try LMDBEventLog.open(at: LogFolders(data: folder))
        let data = "\(folder)/data"
        try? FileManager.default.removeItem(atPath: data)
        let projector = Projector(log: log, set: try ProjectionSet.bundled(), place: RegistryPlace(data: data))
        let size = Double(try log.head().size)

        let first = try await seconds { _ = try await projector.catchUp() }
        print("first fill of an empty home: \(whole(size / first)) events/s")
        var (ours, theirs, processor) = (Figures(), Figures(), Figures())
        for _ in 0..<options.rounds {
            theirs.add(size / (try peer.figure("\(folder)/log", "\(folder)/peer.db")))
            let before = processorSeconds()
            ours.add(size / (try await seconds { _ = try await projector.rebuild() }))
            processor.add(processorSeconds() - before)
        }
        report("rebuild of all projections", ours: ours, peer: theirs, unit: "events/s", bar: 0.5)
        let cost = "median \(ratio(processor.median)) s"
        print("processor time of a rebuild, all threads: \(cost); memory after it \(memory())")
        try await measureAsOf(projector, size: UInt64(size))
        try await measureModelList(projector)
        let disk = "registry \(megabytes(data, "registry.db")), keyframes \(megabytes(data, "keyframes"))"
        print("\(disk); memory \(memory())")
        await log.close()
    }

    private func measureAsOf(_ projector: Projector, size: UInt64) async throws {
        var figures = Figures()
        for _ in 0..<20 {
            let position = UInt64.random(in: 0...size)
            figures.add(try await seconds { _ = try await projector.readModels(asOf: position) } * 1000)
        }
        print("as-of at random positions: median \(whole(figures.median)) ms (\(figures.range)), bar 1000 ms")
    }

    private func measureModelList(_ projector: Projector) async throws {
        let reader = try projector.place.openReader()
        var figures = Figures()
        var count = 0
        for _ in 0..<200 {
            figures.add(try await seconds { count = try await reader.read { try Models.list($0).count } } * 1000)
        }
        let p95 = figures.percentile(0.95)
        print(
            """
            model list, \(count) versions: median \(ratio(figures.median)) ms, p95 \(ratio(p95)) ms, bar 20 ms: \
            \(p95 < 20 ? "held" : "MISSED")
            """
        )
    }

    private func seconds(_ body: () async throws -> Void) async throws -> Double {
        let start = ContinuousClock.now
        try await body()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    /// Processor time of this process so far, of the program and of the kernel for it.
    private func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private func megabytes(_ folder: String, _ name: String) -> String {
        let files =
            [name] + (FileManager.default.enumerator(atPath: "\(folder)/\(name)")?.map { "\(name)/\($0)" } ?? [])
        let bytes = files.map { try? FileManager.default.attributesOfItem(atPath: "\(folder)/\($0)")[.size] as? Int }
        return "\(bytes.reduce(0) { $0 + ($1 ?? 0) } >> 20) MiB"
    }

    /// The memory of this process's own: without the maps of the log and of scratch databases.
    private func memory() -> String {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") } ?? ""
        return line.dropFirst(8).trimmingCharacters(in: .whitespaces)
    }
}
