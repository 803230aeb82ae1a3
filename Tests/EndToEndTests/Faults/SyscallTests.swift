import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// Every system call by which a command touches a home fails once, with each error, or ends the process.
///
/// strace answers in the kernel's place. `DAYBOOK_SYSCALLS_ROUNDS` says how many of the calls are taken, in an order of the
/// seed; a number above them takes all.
@Suite("System calls that fail", .serialized)
struct SyscallTests {
    private static let share = FaultShare(name: "syscalls", seconds: 60, least: 60)
    private static let calls = [
        "openat", "openat2", "pwrite64", "pwritev", "writev", "write", "fdatasync", "fsync", "rename", "renameat2",
        "linkat", "unlink", "unlinkat", "ftruncate", "mmap", "mkdir",
    ]
    private static let faults = ["error=EIO", "error=ENOSPC", "error=EDQUOT", "signal=KILL"]

    /// A command whose calls are made to fail.
    private struct Operation {
        let name: String
        /// What is done undisturbed before it.
        var before: (@Sendable (Int) -> [String])?
        /// The words, given a number that makes them new.
        let words: @Sendable (Int, TestHome) throws -> [String]
    }

    private static let operations: [Operation] = [
        Operation(name: "append") { number, _ in
            ["config", "patch", "runtime", "{\"ef_search\": \(100 + number % 300)}", "--reason", "fault \(number)"]
        },
        Operation(name: "snapshot") { number, _ in ["snapshot", "create", "fault-\(number)"] },
        Operation(name: "projection") { _, home in
            for suffix in ["", "-wal", "-shm"] { unlink("\(home.path)/data/registry.db\(suffix)") }
            return ["model", "list"]
        },
        Operation(name: "registration") { number, home in
            let version = "2027.01.01_\(number + 1)"
            return [
                "model", "register", try Sample.copy(Sample.versions[0], into: home.folder.path("given"), as: version),
            ]
        },
        Operation(name: "export") { number, home in
            ["logbook", "export", "--format", "csv", "--out", home.folder.path("export-\(number).csv")]
        },
        Operation(name: "bundle") { number, home in
            ["audit", "bundle", "--reason", "fault \(number)", "--out", home.folder.path("bundle-\(number).tar")]
        },
        Operation(name: "erasure", before: { ["person", "add", "person-\($0)"] }) { number, _ in
            ["person", "erase", "person-\(number)", "--basis", "asked", "--reason", "fault \(number)"]
        },
    ]

    /// One call to fail.
    private struct Fault: Sendable {
        let operation: Int
        let call: String
        /// Which call of its kind, counted in each thread.
        let number: Int
        let how: String

        var injection: String { "inject=\(call):\(how):when=\(number)" }
    }

    @Test("Whatever call fails, what was acknowledged stands, nothing is there by half, and the home verifies")
    func everyCall() async throws {
        guard let strace = Machine.program("strace") else {
            return Skipped.line("system calls that fail", because: "strace is not installed")
        }
        let home = try await TestHome.withActiveModels()
        guard let library = try Machine.shim("regular_write", in: home.folder) else {
            return Skipped.line("system calls that fail", because: "no C compiler is installed")
        }
        var random = SeededGenerator(for: "system calls that fail")
        let run = FaultRun(home, strace, library)
        guard try await run.isTraceable() else {
            return Skipped.line("system calls that fail", because: "tracing is not allowed here")
        }
        var faults: [Fault] = []
        for (index, operation) in Self.operations.enumerated() {
            let made = try await run.calls(Self.calls, before: operation.before) { try operation.words($0, run.home) }
            faults += made.flatMap { call, numbers in
                numbers.flatMap { number in
                    Self.faults.map { Fault(operation: index, call: call, number: number, how: $0) }
                }
            }
        }
        let order = faults.shuffled(using: &random)
        let seed = random.seed
        let done = try await Self.share.run { round in
            guard round < order.count else { return }
            let fault = order[round]
            let operation = Self.operations[fault.operation]
            let violations = try await run.inject(fault.call, fault.injection, before: operation.before) {
                try operation.words($0, run.home)
            }
            #expect(violations.isEmpty, "\(operation.name), \(fault.injection), SEED=\(seed): \(violations)")
        }
        let controls = try await run.controls()
        #expect(controls.isEmpty, "\(controls)")
        Self.share.say("\(min(done, order.count)) of \(order.count) faults (\(run.summary)), 0 violations")
    }
}

/// A home under faults, and what was acknowledged in it.
private final class FaultRun: @unchecked Sendable {
    let home: TestHome
    /// The tracer stands beside the command, so that one that hangs is itself ended and does not live on with its locks.
    private let tracer: [String]
    /// What leaves the call `write` to files: on anything else its failure would only put the command to sleep.
    private let library: String
    private var number = 0
    /// The greatest position that a command named after it was done.
    private var acknowledged = -1
    private var outcomes: [String: Int] = [:]

    init(_ home: TestHome, _ strace: String, _ library: String) {
        self.home = home
        self.library = library
        tracer = [strace, "-D", "-f"]
    }

    /// The files that are read through memory.
    private var maps: [String] { ["data.mdb", "lock.mdb"].map { "\(home.path)/data/log/\($0)" } }

    var summary: String { outcomes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ") }

    func isTraceable() async throws -> Bool {
        try await trace(["--version"], ["-o", "/dev/null"]).exit == 0
    }

    /// Runs a command with its calls traced as `options` say.
    private func trace(_ words: [String], _ options: [String]) async throws -> Outcome {
        try await home.run(words, environment: ["LD_PRELOAD": library], through: tracer + options)
    }

    /// Which calls of each kind touch the home, counted in each thread, in an undisturbed run.
    func calls(
        _ names: [String],
        before: ((Int) -> [String])?,
        of words: (Int) throws -> [String]
    ) async throws -> [(String, [Int])] {
        number += 1
        if let before { try await home.succeed(before(number)) }
        let file = home.folder.path("trace")
        // With -y each descriptor is shown with its path.
        let options = ["-y", "-s", "4", "-o", file, "-e", "trace=\(names.joined(separator: ","))"]
        let said = try await trace(try words(number) + ["--json"], options)
        guard said.exit == 0 else { throw ShimError(description: "undisturbed: \(said)") }
        var counts: [Substring: [Substring: Int]] = [:]
        var found: [String: Set<Int>] = [:]
        for line in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1).map { $0.drop { $0 == " " } }
            // A call that another thread interrupts is printed in two parts: the second one counts nothing.
            guard parts.count == 2, let end = parts[1].firstIndex(of: "("), !parts[1].hasPrefix("<") else { continue }
            let call = parts[1][..<end]
            let touches = parts[1].contains(home.folder.path)
            // The loader maps too, and dies of what fails there: of the maps only those of the log are counted and failed.
            if call == "mmap" {
                guard maps.contains(where: { parts[1].contains("<\($0)>") }) else { continue }
            }
            counts[parts[0], default: [:]][call, default: 0] += 1
            guard touches else { continue }
            found[String(call), default: []].insert(counts[parts[0], default: [:]][call, default: 0])
        }
        return found.map { ($0.key, $0.value.sorted()) }.sorted { $0.0 < $1.0 }
    }

    /// Runs a command under one fault and returns what is wrong afterwards.
    func inject(
        _ call: String,
        _ injection: String,
        before: ((Int) -> [String])?,
        _ words: (Int) throws -> [String]
    ) async throws -> [String] {
        number += 1
        if let before { try await home.succeed(before(number)) }
        let only = call == "mmap" ? maps.flatMap { ["-P", $0] } : []
        let file = home.folder.path("trace")
        let options = ["-y", "-s", "4", "-o", file] + only + ["-e", "trace=\(call)", "-e", injection]
        let said = try await trace(try words(number) + ["--json"], options)
        var violations: [String] = []
        // What a process says when a signal ends it is not defined; what it says otherwise is.
        let expected: Set<Int32> = [0, 65, 69, 70, 73, 75, 77, 78, 127]
        // A kill that the fault did not ask for is the end of a command that hung.
        let isExpected = expected.contains(said.exit) || injection.contains("signal=KILL") && said.exit == -SIGKILL
        // Calls are counted, and threads vary: libdispatch, for one, looks at /proc by itself and traps when that fails.
        let isElsewhere = try !isExpected && !hitsHome(file)
        outcomes[
            isElsewhere ? "elsewhere" : said.exit == 0 ? "done" : said.exit == -SIGKILL ? "killed" : "refused",
            default: 0
        ] += 1
        if !isExpected, !isElsewhere { violations.append("ended with \(said)") }
        if said.exit == 0, let position = try? JSONReader.plain(said.output)["position"]?.number {
            acknowledged = max(acknowledged, position)
        }
        return violations + (try await check())
    }

    /// Whether a call that was made to fail touched the home.
    private func hitsHome(_ trace: String) throws -> Bool {
        try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
            .contains { $0.contains("(INJECTED)") && $0.contains(home.folder.path) }
    }

    private func check() async throws -> [String] {
        let verified = try await home.run(["verify", "--json"])
        guard verified.exit == 0 else { return ["verify: \(verified)"] }
        let events = try JSONReader.plain(verified.output)["events"]?.number ?? 0
        return events > acknowledged
            ? [] : ["position \(acknowledged) was acknowledged, and the log has \(events) events"]
    }

    /// The oracle must see a lost event, and strace must really reach the program.
    func controls() async throws -> [String] {
        let sound = acknowledged
        defer { acknowledged = sound }
        acknowledged = 1_000_000
        guard try await !check().isEmpty else { return ["an acknowledged event that is not there is not seen"] }
        acknowledged = sound
        // Every synchronisation of the log fails: the command must end without an acknowledgement.
        let options = ["-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO"]
        let words = ["config", "patch", "runtime", #"{"ef_search": 77}"#, "--reason", "no disk", "--json"]
        let said = try await trace(words, options)
        guard said.exit == 75, said.output.isEmpty else { return ["a commit whose synchronisation failed: \(said)"] }
        return try await check()
    }
}
