import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// `daybook verify` tells what became of the process that reads, whatever ends it.
@Suite("The process that verifies")
struct VerifyProcessTests {
    @Test(
        "Signals, a hang and an end without a word are told with how far the log was sound",
        arguments: [
            ("signal=SIGSEGV", 65, "Segmentation fault"), ("signal=SIGBUS", 65, "Bus error"),
            ("signal=SIGILL", 65, "Illegal instruction"),
            ("signal=SIGKILL", 75, "Killed"), ("signal=SIGSTOP", 65, "did not come on for 2 seconds"),
        ]
    )
    func ended(injection: String, exit: Int, words: String) async throws {
        guard let strace = Machine.program("strace") else {
            return Skipped.line("the end of the verifying process", because: "strace is not installed")
        }
        let home = try await TestHome.make()
        // Only the process that reads opens this file.
        let tracer = [
            strace, "-f", "-o", "/dev/null", "-P", "\(home.path)/data/log/data.mdb", "-e", "trace=openat",
            "-e", "inject=openat:\(injection):when=1",
        ]
        guard try await home.run(["--version"], through: tracer).exit == 0 else {
            return Skipped.line("the end of the verifying process", because: "tracing is not allowed here")
        }
        let said = try await home.run(["verify", "--json", "--stall-seconds", "2"], through: tracer)
        #expect(said.exit == Int32(exit) && said.errors.contains(words), "\(said)")
        let problem = try JSONReader.plain(said.errors)
        #expect(problem["exit_code"]?.number == exit)
        if exit == 65 { #expect(problem["position"]?.number == 0, "nothing was read yet: \(said)") }
        // Control: nothing is wrong with the home.
        try await home.succeed(["verify"])
    }

    @Test("The process that reads ends when nobody listens any more")
    func orphan() async throws {
        let home = try await TestHome.make()
        // Its standard input is at its end from the start: it must not go on as if somebody waited.
        let said = try await home.run(["verify", "--in-child", "--home", home.path])
        #expect([0, 75].contains(said.exit), "\(said)")
    }
}
