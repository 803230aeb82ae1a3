import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

@testable import Serving

/// HTTP/2 as no browser speaks it, over TLS; `Clients/hostile_frames.py` makes the frames by hand.
@Suite("Frames that mean harm", .serialized, .timeLimit(.minutes(15)))
struct FrameTests {
    /// What an attack came to, as its client tells.
    private struct Outcome {
        let said: JSONValue
        let words: String

        var ended: Bool { said["end"]?.text == "ended" }
        var goaways: [Int] { said["goaways"]?.elements?.compactMap(\.number) ?? [] }
        var resets: Int { said["resets"]?.number ?? -1 }
        var sent: Int { said["sent"]?.number ?? -1 }
        var answered: Int { said["answered"]?.number ?? -1 }
        var unanswered: Int { said["unanswered"]?.number ?? -1 }
    }

    private static let client = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Clients/hostile_frames.py").path

    private static func attack(_ name: String, _ port: Int, patience: Int = 20) async throws -> Outcome {
        let text = await onThread {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["python3", "-I", Self.client, "\(port)", name, "\(patience)"]
            let pipe = Pipe()
            process.standardOutput = pipe
            do { try process.run() } catch { return "\(error)" }
            let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return text
        }
        let said = try #require(try? JSONReader.plain(text), "\(name): \(text)")
        return Outcome(said: said, words: "\(name): \(text)")
    }

    private static func withSecureService(
        _ limits: Limits = .quick,
        parts made: Counter = Counter(),
        _ body: (_ port: Int, _ service: HTTPService) async throws -> Void
    ) async throws {
        let (folder, barrier) = (try TemporaryFolder(), Barrier())
        var limits = limits
        // Those who ask beside the attack shake hands with a machine that is busy.
        limits.handshakeDeadline = .seconds(10)
        let authority = try LocalAuthority(folder: folder.path("tls"), now: Date())
        let identity = try ServerIdentity(authority: authority, names: ["localhost"], now: Date())
        let parts = ServiceParts.test(routes: TestRoutes.all(barrier: barrier, parts: made), limits: limits)
        try await withService(parts, identity: identity) { port, service, _ in
            defer { barrier.open() }
            try await body(port, service)
        }
    }

    /// Kilobytes of memory that this process has.
    private static var memory: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let words = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }?.split(
            whereSeparator: \.isWhitespace
        )
        return words.flatMap { Int($0[1]) } ?? 0
    }

    @Test(
        "A connection that says nothing, or that drips frames which never end, is ended though its client answers nothing",
        arguments: ["no_preface", "silent", "dripped_preface", "dripped_settings", "dripped_head"]
    )
    func slow(name: String) async throws {
        try await Self.withSecureService { port, service in
            let outcome = try await Self.attack(name, port)
            #expect(outcome.ended, "\(outcome.words)")
            #expect(outcome.unanswered == 0 && outcome.answered > 0, "\(outcome.words)")
            await eventually { service.state.connections == 0 }
        }
    }

    @Test("The control: without these deadlines the same connections stay")
    func control() async throws {
        var limits = Limits.quick
        (limits.idleDeadline, limits.writeStall, limits.bodyDeadline) = (.seconds(600), .seconds(600), .seconds(600))
        limits.bodyGrace = .seconds(600)
        try await Self.withSecureService(limits) { port, _ in
            for name in ["silent", "dripped_head", "stalled", "unread", "dripped_body"] {
                let outcome = try await Self.attack(name, port, patience: 3)
                #expect(!outcome.ended, "\(outcome.words)")
                #expect(outcome.unanswered == 0 && outcome.answered > 0, "\(outcome.words)")
            }
        }
    }

    @Test(
        "A flood of frames ends its own connection and nothing else",
        arguments: [
            "endless_head", "empty_continuations", "rapid_reset", "made_to_reset", "pings", "settings", "priorities",
            "empty_data", "window_overflow", "huge_frame", "noise", "head_bomb", "windows",
        ]
    )
    func floods(name: String) async throws {
        try await Self.withSecureService { port, service in
            let before = Self.memory
            let outcome = try await Self.attack(name, port)
            #expect(outcome.ended, "\(outcome.words)")
            #expect(outcome.unanswered == 0 && outcome.answered > 0, "\(outcome.words)")
            await eventually { service.state.connections == 0 && service.state.requests == 0 }
            // Other tests of this process may run beside it.
            let after = Self.memory
            #expect(after < before + 256 << 10, "\(before) kB grew to \(after) kB")
            print(
                "FIGURES frames: \(name): \(outcome.sent) times sent, GOAWAY \(outcome.goaways), \(outcome.answered) others served"
            )
        }
    }

    @Test(
        "Of a hundred answers of 32 MiB that the client does not let out hardly anything is made, and they are ended",
        arguments: ["stalled", "unread", "crumbs"]
    )
    func unread(name: String) async throws {
        let made = Counter()
        try await Self.withSecureService(parts: made) { port, service in
            let outcome = try await Self.attack(name, port)
            #expect(outcome.ended, "\(outcome.words)")
            #expect(outcome.unanswered == 0 && outcome.answered > 0, "\(outcome.words)")
            await eventually { service.state.connections == 0 && service.state.requests == 0 }
            // Of 51,200 parts of 64 KiB; what the sockets of both ends take is among them.
            #expect(made.value < 1_000, "\(outcome.words)")
            print("FIGURES frames: \(name): \(made.value) parts of 64 KiB made of what was asked for")
        }
    }

    @Test("A body that drips is ended with its stream; more than a hundred streams at once end the connection")
    func streams() async throws {
        try await Self.withSecureService { port, service in
            let drip = try await Self.attack("dripped_body", port)
            #expect(drip.ended && drip.unanswered == 0, "\(drip.words)")
            // A client that goes on with a stream which was reset long ago breaks the protocol: STREAM_CLOSED for all.
            #expect(drip.resets == 100 || drip.resets > 30 && drip.goaways == [5], "\(drip.words)")
            await eventually { service.state.connections == 0 && service.state.requests == 0 }
            let many = try await Self.attack("too_many", port)
            #expect(many.ended && many.goaways == [1] && many.unanswered == 0, "\(many.words)")
        }
    }

    @Test("Fields that would be others in HTTP/1.1 reach no route")
    func smuggling() async throws {
        try await Self.withSecureService { port, service in
            let outcome = try await Self.attack("smuggled", port)
            #expect(outcome.ended && outcome.said["served"]?.elements?.isEmpty == true, "\(outcome.words)")
            await eventually { service.state.connections == 0 }
        }
    }
}
