import CanonicalJSON
import DurableFiles
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@testable import ModelGates

@Suite("The process that looks at a version")
struct CheckProcessTests {
    private static let request = CheckRequest(path: "/nowhere", limits: GateLimits())

    /// What came of a process that does what a script says; what it would have said for a gate is at hand as a word.
    private func report(_ script: String, seconds: Int = 20) throws -> GateReport {
        let lines: [(String, CheckMessage)] = [
            ("AT_LOAD", .began(.load)), ("AT_CANARIES", .began(.canaries)),
            ("LOADED", .found(GateFinding(.load, .passed, "3 parts"))),
            ("REST", .found(GateFinding(.canaries, .passed, "well"))),
            ("RECALL", .found(GateFinding(.recallFloor, .passed, actual: "1.000", limit: "0.95", "well"))),
            ("ERROR", .found(GateFinding(.medianError, .unknown, "not told"))),
            ("EDITS", .found(GateFinding(.withinOneEdit, .unknown, "not told"))), ("DONE", .done),
        ]
        let words = lines.map { "\($0.0)='\($0.1.line.dropLast())'" }.joined(separator: "\n")
        let process = CheckProcess(program: "/bin/sh", words: ["-c", "\(words)\n\(script)", "sh"], seconds: seconds)
        return try process.run(Self.request)
    }

    private static let all = "for l in \"$AT_LOAD\" \"$LOADED\" \"$REST\" \"$RECALL\" \"$ERROR\" \"$EDITS\""

    @Test("One that comes to its end is believed, whatever it says: the control")
    func whole() throws {
        let report = try report("\(Self.all) \"$DONE\"; do echo \"$l\"; done")
        #expect(report.failed.isEmpty && report.findings.count == ActivationGate.allCases.count - 1)
    }

    @Test("One that is ended by a signal has failed at the gate it was at, and nothing behind it was looked at")
    func killed() throws {
        for (signal, name) in [("SEGV", "11"), ("KILL", "9"), ("ABRT", "6"), ("XCPU", "24")] {
            let report = try report("echo \"$AT_LOAD\"; echo \"$LOADED\"; echo \"$AT_CANARIES\"; kill -\(signal) $$")
            #expect(report.failed.map(\.gate) == [.canaries], "\(signal): \(report)")
            #expect(report.failed.first?.reason.contains("signal \(name)") == true, "\(report)")
            #expect(report.findings.first == GateFinding(.load, .passed, "3 parts"))
            #expect(report.findings.dropFirst(2).allSatisfy { $0.state == .skipped })
            #expect(throws: Rejection.self) { try report.require(overriding: []) }
        }
    }

    @Test("One that dies behind its last gate, ends early, or says nothing at all has failed")
    func early() throws {
        let unended = try report("\(Self.all); do echo \"$l\"; done; kill -KILL $$")
        #expect(unended.failed.map(\.gate) == [.load])
        let halfway = try report("echo \"$LOADED\"; exit 0")
        #expect(
            halfway.failed.map(\.gate) == [.canaries] && halfway.failed.first?.reason.contains("exit code 0") == true
        )
        let silent = try report("exit 3")
        #expect(silent.failed.map(\.gate) == [.load])
        let noise = try report("echo not json; echo '{\"found\": {\"gate\": \"load\"}}'; exit 0")
        #expect(noise.failed.map(\.gate) == [.load])
    }

    @Test("One that hangs is ended after its time, and what it started with it")
    func hangs() throws {
        let report = try report("echo \"$AT_LOAD\"; sleep 600 & wait", seconds: 1)
        #expect(report.failed.map(\.gate) == [.load])
        #expect(report.failed.first?.reason.contains("within 1 s") == true, "\(report)")
    }

    @Test("A program that is not there is a fault, and no finding")
    func missing() {
        let process = CheckProcess(program: "/nowhere/daybook", words: [], seconds: 5)
        #expect(throws: FileFault.self) { try process.run(Self.request) }
    }

    @Test("Requests and messages are read back as they were written")
    func documents() {
        let limits = GateLimits(["ef_search": 64])
        let request = CheckRequest(path: "models/v", limits: limits, withQuality: false, megabytes: 512)
        #expect(CheckRequest(request.json) == request)
        #expect(CheckRequest(["path": "x"]) == nil)
        for message in [CheckMessage.began(.load), .unservable("Python"), .done] {
            #expect(CheckMessage(line: message.line) == message)
        }
        #expect(CheckMessage(line: "{}") == nil)
    }

    @Test(
        "A check that was passed is remembered for a while, for the same files, limits and program; a failed one is not"
    )
    func remembered() throws {
        let folder = try TemporaryFolder("daybook-checks")
        let checks = PassedChecks(folder: folder.path("checks"), program: "1", keeps: 60)
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        func request(ef: Int = 128) -> CheckRequest {
            CheckRequest(path: "models/v", limits: GateLimits(["ef_search": .integer(ef)]))
        }
        let passed = GateReport([GateFinding(.load, .passed, "well")], unservable: nil)
        checks.keep(passed, of: "aa", request(), now: now)
        #expect(checks.report(of: "aa", request(), now: now.addingTimeInterval(59)) == passed)
        #expect(checks.report(of: "aa", request(), now: now.addingTimeInterval(61)) == nil)
        #expect(checks.report(of: "aa", request(), now: now.addingTimeInterval(-1)) == nil, "a clock that went back")
        #expect(checks.report(of: "bb", request(), now: now) == nil)
        #expect(checks.report(of: "aa", request(ef: 64), now: now) == nil)
        let other = PassedChecks(folder: folder.path("checks"), program: "2", keeps: 60)
        #expect(other.report(of: "aa", request(), now: now) == nil)
        checks.keep(GateReport([GateFinding(.load, .failed, "cut")]), of: "cc", request(), now: now)
        #expect(checks.report(of: "cc", request(), now: now) == nil)
    }
}
