import CommandHandling
import EventStore
import RoutingDomain
import Synchronization
import Testing

@testable import Inference

@Suite("What a worker tells, and to whom nobody listens")
struct TellingTests {
    /// A control service that takes nothing, as where the key may only read.
    private struct Refusing: WorkerReporting {
        private var refusal: Rejection {
            Rejection("auth.scope", .invalid, "the key may read only", hint: "issue another")
        }

        func join(_ worker: WorkerName) async throws { throw refusal }
        func leave(_ worker: WorkerName) async throws { throw refusal }
        func loaded(_ worker: WorkerName, _ served: ServedModel) async throws { throw refusal }
        func failed(_ worker: WorkerName, _ order: ServingOrder, _ fault: LoadFault) async throws { throw refusal }
        func report(_ worker: WorkerName, _ report: WorkerReport) async throws { throw refusal }
    }

    /// A request that holds a version until it ends, and can tell afterwards whether somebody else still does.
    private final class Request: Sendable {
        private weak let served: ServedModel?
        private let held: Mutex<ServedModel?>

        init(_ served: ServedModel?) {
            self.served = served
            held = Mutex(served)
        }

        var isServedHeld: Bool { served != nil }

        func end() { held.withLock { $0 = nil } }
    }

    /// What was told since the worker joined last.
    private static func sinceJoining(_ home: WorkerHome) throws -> ArraySlice<any DomainEvent> {
        let told = try home.told()
        return told[(told.lastIndex { $0 is InferenceJoined } ?? 0)...]
    }

    private static func lose(_ worker: Worker, in home: WorkerHome) async throws {
        let command = LoseInference(worker: "w1", instance: worker.name.instance, silentSeconds: 60)
        _ = try await home.commands.handle(command, by: .system())
    }

    @Test("A worker that was taken for lost joins again, and tells what serves and what it could not load")
    func tellsAgain() async throws {
        let home = try await WorkerHome.make()
        let worker = home.worker()
        _ = try await home.activate(home.versions[0])
        try await home.running(worker) {
            try await until("the first serves") { try home.told().contains { $0 is InferenceLoaded } }
            try home.spoil(home.versions[1])
            _ = try await home.activate(home.versions[1])
            try await until("the fault is told") { try home.told().last is InferenceLoadFailed }
            try await Self.lose(worker, in: home)
            try await until("both are told again") {
                let said = try Self.sinceJoining(home)
                return said.count == 3 && said.last is InferenceLoadFailed
            }
            let said = try Self.sinceJoining(home)
            #expect((said.dropFirst().first as? InferenceLoaded)?.version == home.versions[0])
            #expect((said.last as? InferenceLoadFailed)?.version == home.versions[1])
            #expect(try home.told().count { $0 is InferenceJoined } == 2)
        }
        await home.log.close()
    }

    @Test("A fault that comes up while the worker is taken for lost is told once it has joined again")
    func tellsLater() async throws {
        let home = try await WorkerHome.make()
        // Nobody hears its reports: only by what it tells does it learn that it is not joined.
        let worker = home.worker(reporter: HandledReports(commands: home.commands, isHeard: false))
        _ = try await home.activate(home.versions[0])
        try await home.running(worker) {
            try await until("the first serves") { try home.told().contains { $0 is InferenceLoaded } }
            try await Self.lose(worker, in: home)
            try home.spoil(home.versions[1])
            _ = try await home.activate(home.versions[1])
            try await until("the fault is told") { try home.told().last is InferenceLoadFailed }
            let said = try Self.sinceJoining(home)
            #expect(said.count == 3 && said.dropFirst().first is InferenceLoaded)
            #expect(worker.condition.hasJoined)
        }
        await home.log.close()
    }

    @Test(
        "An older version's memory goes once nobody holds it, also where no report is ever taken",
        arguments: [true, false]
    )
    func memory(isHeard: Bool) async throws {
        let home = try await WorkerHome.make()
        let worker = home.worker(reporter: isHeard ? nil : Refusing())
        _ = try await home.activate(home.versions[0])
        try await home.running(worker) {
            try await until("the first serves") { worker.active.served != nil }
            let request = Request(worker.active.served)
            let second = try await home.activate(home.versions[1])
            try await until("the second serves") { worker.active.served?.order.position == second }
            #expect(request.isServedHeld, "the control: a request holds it")
            request.end()
            try await until("it is gone") { !request.isServedHeld }
            if !isHeard { try await until("nobody listens") { worker.condition.unheard != nil } }
        }
        await home.log.close()
    }

    @Test("Of several untold loads and faults the newest of each is kept, in their order")
    func untold() {
        var untold = Untold()
        func fault(_ words: String) -> Untold.News {
            let order = ServingOrder(
                version: words,
                manifestSha256: "",
                signatureSha256: nil,
                folder: words,
                position: 0,
                registeredAt: 0
            )
            return .failed(order, LoadFault(.altered, words, hint: ""))
        }
        func words(_ news: Untold.News?) -> String? {
            switch news {
            case .loaded: "loaded"
            case .failed(_, let fault): fault.message
            case nil: nil
            }
        }
        for news in [.loaded, fault("b"), .loaded, fault("c")] as [Untold.News] { untold.add(news) }
        #expect(untold.begin() && !untold.begin(), "one tells at a time")
        let first = untold.next()
        #expect(words(first) == "loaded")
        untold.putBack(.loaded)
        #expect(untold.begin() && words(untold.next()) == "loaded" && words(untold.next()) == "c")
        untold.add(fault("d"))
        untold.putBack(fault("c"))
        #expect(untold.begin() && words(untold.next()) == "d" && untold.next() == nil && untold.begin())
    }

    @Test("What a loader remarks is told in a form that the log takes, whatever the files say")
    func warnings() throws {
        let kinds = [["one", "two"], ["made with \u{7}\u{1b}[31m0.9\n0.8"], [String(repeating: "é", count: 9_000)]]
        for warnings in kinds {
            let told = try #require(ServedModel.told(warnings))
            _ = try FreeText.checked(told, field: "warnings", maximumBytes: ReportLoad.maximumWarnings)
        }
        #expect(ServedModel.told(kinds[0]) == "one\ntwo" && ServedModel.told([]) == nil)
        // The control: as they are, the log would refuse them, and with them the word that the version serves.
        for warnings in kinds.dropFirst() {
            #expect(throws: Rejection.self) {
                try FreeText.checked(warnings[0], field: "warnings", maximumBytes: ReportLoad.maximumWarnings)
            }
        }
    }
}
