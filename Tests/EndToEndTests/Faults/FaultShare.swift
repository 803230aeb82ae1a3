import EventStoreTesting
import Foundation
import Glibc

/// How much of a fault suite one run does: a seeded sample within a share of time, or a number of rounds from the environment.
///
/// `DAYBOOK_<NAME>_ROUNDS` sets the number; `make soak-short` and `make soak` do.
struct FaultShare {
    let name: String
    /// Seconds of a sample.
    let seconds: Double
    /// Rounds of a sample, however long they take.
    let least: Int

    /// The rounds that the environment asks for; nil for a sample.
    var asked: Int? { ProcessInfo.processInfo.environment["DAYBOOK_\(name.uppercased())_ROUNDS"].flatMap { Int($0) } }

    /// Calls `body` with the number of each round until the share is used up; returns how many were done.
    ///
    /// With a divisor, a part of the share.
    func run(dividedBy divisor: Int = 1, _ body: (Int) async throws -> Void) async throws -> Int {
        let end = ContinuousClock.now + .seconds(seconds / Double(divisor))
        let least = max(1, least / divisor)
        var round = 0
        while asked.map({ round < max(1, $0 / divisor) }) ?? (round < least || ContinuousClock.now < end) {
            try await body(round)
            round += 1
        }
        return round
    }

    /// How many trials run at the same time where they have nothing in common: each is a process that mostly computes.
    static let lanes = 2

    /// Calls `body` with each item, so many at the same time.
    static func each<Item: Sendable>(
        _ items: [Item],
        _ body: @escaping @Sendable (Item) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, item) in items.enumerated() {
                if index >= lanes { _ = try await group.next() }
                group.addTask { try await body(item) }
            }
            try await group.waitForAll()
        }
    }

    /// The one line of figures that a run of this suite ends with; `scripts/soak.sh` collects them.
    func say(_ figures: String) { print("FIGURES \(name): \(figures)") }
}

/// Programs of the system that fault tests need, and libraries built for them.
enum Machine {
    /// Where Debian puts programs that only root uses.
    private static let folders = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]

    /// The path of a program, or nil when it is not installed.
    static func program(_ name: String) -> String? {
        folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// Runs a program of the system to its end.
    static func run(_ name: String, _ words: String..., environment: [String: String] = [:]) throws -> Outcome {
        guard let path = program(name) else {
            return Outcome(exit: 127, output: "", errors: "\(name) is not installed")
        }
        return try Child([path] + words, environment: Program.environment(environment)).result()
    }

    /// Builds `Tests/Shims/<name>.c` as a library to preload; nil when no C compiler is installed.
    static func shim(_ name: String, in folder: TemporaryFolder) throws -> String? {
        guard let compiler = ["gcc", "cc", "clang"].first(where: { program($0) != nil }) else { return nil }
        let library = folder.path("\(name).so")
        let source = "\(Program.checkout)/Tests/Shims/\(name).c"
        let built = try run(compiler, "-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source, "-ldl")
        guard built.exit == 0 else { throw ShimError(description: "\(source): \(built)") }
        return library
    }

    /// Mounts a small file system in memory; nil, with the reason said, when this user or place may not.
    static func mountMemory(_ size: String, at path: String, for what: String) throws -> Mount? {
        guard getuid() == 0 else {
            Skipped.line(what, because: "only root can mount a small disk")
            return nil
        }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let mounted = try run("mount", "-t", "tmpfs", "-o", "size=\(size)", "tmpfs", path)
        guard mounted.exit == 0 else {
            Skipped.line(what, because: "mount is not allowed: \(mounted.errors)")
            return nil
        }
        return Mount(path: path)
    }
}

/// A library that could not be built.
struct ShimError: Error, CustomStringConvertible {
    let description: String
}

/// A mounted file system, unmounted when the last reference goes.
final class Mount: Sendable {
    let path: String

    init(path: String) { self.path = path }

    deinit { umount2(path, Int32(MNT_DETACH)) }
}

/// The program of the tests that appends to a bare log and says each acknowledgement, or judges one.
enum TestWriter {
    static let program = "\(Program.folder)/EventStoreTestWriter"

    /// The lines of acknowledgement in what a writer said; a last line without its end counts for nothing.
    static func acknowledgements(in output: String) -> [Substring] {
        output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().filter { $0.hasPrefix("ack ") }
    }

    /// How many events those lines acknowledge.
    static func events(in lines: [Substring]) -> Int { lines.reduce(0) { $0 + $1.split(separator: " ").count - 2 } }

    /// Makes a log with the files that a home keeps beside it; returns its folder.
    static func makeLog(in data: String) throws -> String {
        let made = try Child([program, "create", "\(data)/log"], environment: Program.environment())
            .result()
        guard made.exit == 0 else { throw ShimError(description: "no log in \(data): \(made)") }
        return "\(data)/log"
    }
}
