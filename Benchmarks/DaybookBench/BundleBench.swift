import ArgumentParser
import EventStore
import Exporting
import Foundation
import Proofs

/// The time to write an audit bundle of the first 100,000 events of a log as a plant would fill it, and, for information, to
/// check it by `verify_bundle.py`.
struct BundleBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bundle")

    @OptionGroup var options: BenchOptions

    @Option(help: "How many events the bundle holds.")
    var bundled = 100_000

    private static let bar = 3000.0

    func run() async throws {
        let folder = try await MixedLog.prepare(events: bundled, in: options.data)
        let log = try LMDBEventLog.open(at: LogFolders(data: folder))
        let bundle = AuditBundle(of: log, home: folder, blobs: "\(folder)/blobs", names: [:])
        let path = "\(options.data)/bundle.tar"
        var (times, digests, size) = (Figures(), Set<String>(), 0)
        for _ in 0..<options.rounds {
            for name in [path, "\(path).sha256"] { try? FileManager.default.removeItem(atPath: name) }
            let start = ContinuousClock.now
            let result = try bundle.write(ExtractRange(from: 0, to: try log.head().size), to: path)
            times.add((ContinuousClock.now - start) / .milliseconds(1))
            digests.insert(result.sha256)
            size = result.sizeBytes
        }
        guard digests.count == 1 else { throw BenchError(description: "the same request gave different bytes") }
        let verdict = times.median < Self.bar ? "held" : "MISSED"
        print(
            "bundle of \(bundled) events, \(size >> 20) MiB: \(whole(times.median)) (\(times.range)) ms, bar \(whole(Self.bar)): \(verdict)"
        )
        try check(path, key: log.identity.verifierKey)
        await log.close()
    }

    private func check(_ path: String, key: String) throws {
        let script = "\(options.data)/verify_bundle.py"
        try Data(try BundleVerifier.script).write(to: URL(filePath: script))
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", script, path, "--key", key]
        let pipe = Pipe()
        process.standardOutput = pipe
        let start = ContinuousClock.now
        try process.run()
        let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw BenchError(description: "verify_bundle.py says: \(said)") }
        print("checked by verify_bundle.py in \(whole((ContinuousClock.now - start) / .milliseconds(1))) ms")
    }
}
