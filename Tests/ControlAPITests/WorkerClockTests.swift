import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import ReadModels
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Workers, their names and the wall clock", .timeLimit(.minutes(5)))
struct WorkerClockTests {
    private static let hour: Int64 = 3_600_000_000

    private static func state(_ home: WatchedHome) throws -> JSONValue? {
        try home.part("workers").facts["activation"]
    }

    @Test("A clock that is set back an hour lets no worker wait longer than it may")
    func barrier() async throws {
        let home = try await WatchedHome()
        let worker = TestWorker(home)
        try await home.activate("2025.09.15_1")
        try await worker.join()
        try await worker.load("2025.09.15_1")
        try await home.activate("2025.09.16_1")
        await home.turn()
        home.clock.step(by: -Self.hour)
        await home.turn(after: 9)
        #expect(try Self.state(home)?["waiting"] == ["line-3"])
        await home.turn(after: 1)
        #expect(try Self.state(home)?["late"] == ["line-3"])
        let control = try await home.registry.read {
            try ActivationBarrier.fetch($0, now: Timestamp(microseconds: home.clock.wall), waitSeconds: 10)
        }
        #expect(control.waiting == ["line-3"], "the control: by the wall clock it has an hour")
        // Another activation has its own time, and so has a worker that joins anew.
        try await home.activate("2025.09.17_1")
        await home.turn(after: 9)
        #expect(try Self.state(home)?["waiting"] == ["line-3"])
        worker.instance = UUID().text
        try await worker.join()
        await home.turn()
        await home.turn(after: 9)
        #expect(try Self.state(home)?["waiting"] == ["line-3"])
        await home.log.close()
    }

    @Test(
        "A worker that never reported is lost after its time, also where the clock was set back meanwhile",
        arguments: [-1, 0, 1]
    )
    func silence(hours: Int64) async throws {
        let home = try await WatchedHome()
        try await TestWorker(home).join()
        await home.turn()
        home.clock.step(by: hours * Self.hour)
        func types() throws -> [String] {
            try home.log.events(in: StreamName(literal: "inference-line-3")).map(\.type)
        }
        await home.turn(after: 59)
        #expect(try types() == ["inference.joined"], "the control: it may be silent for so long")
        await home.turn(after: 1)
        #expect(try types() == ["inference.joined", "inference.lost"])
        await home.log.close()
    }

    @Test("A name belongs to the machine that reported by it within the last 20 seconds")
    func name() async throws {
        let home = try await WatchedHome()
        let worker = TestWorker(home)
        try await worker.join()
        func isTaken(_ instance: String, _ host: String) throws -> Bool {
            let join = JoinInference(worker: worker.name, instance: instance, host: host, program: "p")
            return home.workers.isTaken(try home.commands.state(for: join), by: instance, on: host)
        }
        let other = UUID().text
        #expect(try !isTaken(other, "node-8"), "the control: its holder has not reported")
        worker.report()
        #expect(try isTaken(other, "node-8"))
        #expect(try !isTaken(other, "node-7"), "it was started again")
        #expect(try !isTaken(worker.instance, "node-8"))
        home.clock.advance(by: 20_000_000)
        #expect(try !isTaken(other, "node-8"), "it is silent")
        worker.report()
        try await home.send(LeaveInference(worker: worker.name, instance: worker.instance))
        #expect(try !isTaken(other, "node-8"), "it left")
        await home.log.close()
    }

    @Test(
        "A worker by the name of another machine's is refused, and changes nothing; one of the same machine takes it over"
    )
    func taken() async throws {
        try await RunningHome.with { home in
            let worker = try await ActivationTests.worker(home, "line-1")
            #expect(try await worker.tell("report", ["instance": .string(worker.run)]).status == 200)
            let later = UUID().text
            func join(_ host: String) async throws -> Received {
                try await worker.tell("join", ["instance": .string(later), "host": .string(host), "program": "p"])
            }
            let size = try home.size
            let refused = try await join("elsewhere")
            #expect(refused.status == 409 && refused.json["rule"] == "worker.name-taken", "\(refused.text)")
            #expect(refused.text.contains("runs on n") && refused.text.contains("--worker"))
            #expect(try home.size == size)
            #expect(try await join("n").status == 200, "the control")

            // Two that run side by side do not take it from each other for ever: the later has it, until it has left.
            func again() async throws -> Received {
                try await worker.tell("join", ["instance": .string(worker.run), "host": "n", "program": "p"])
            }
            let superseded = try await again()
            #expect(superseded.status == 409 && superseded.json["rule"] == "worker.name-taken", "\(superseded.text)")
            #expect(superseded.text.contains("later run"))
            #expect(try home.size == size + 1)
            #expect(try await worker.tell("leave", ["instance": .string(later)]).status == 200)
            #expect(try await again().status == 200)
        }
    }
}
