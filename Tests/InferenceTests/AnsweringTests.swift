import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import RoutingDomain
import Testing

@testable import Inference

@Suite("Answering")
struct AnsweringTests {
    /// A worker that serves, for the body.
    private func serving(_ body: @escaping @Sendable (WorkerHome, Worker) async throws -> Void) async throws {
        let home = try await WorkerHome.make(versions: 1)
        let worker = home.worker()
        _ = try await home.activate(home.versions[0])
        try await home.running(worker) {
            try await until("it serves") { worker.active.served != nil }
            try await body(home, worker)
        }
        await home.log.close()
    }

    private static func similar(_ features: String, by worker: Worker) async throws -> JSONValue? {
        let now = worker.active.now
        let answering = Answering(served: try #require(now.served), settings: now.settings)
        let asked = try Asked(Array(#"{"parts":[{"features":\#(features)}]}"#.utf8))
        return try JSONReader.plain(try await answering.similar(asked).text)["results"]
    }

    @Test("An attribute may be given under the ERP's column that mapping_overrides names, and not under both")
    func columns() async throws {
        try await serving { home, worker in
            let own = #"{"ITEM_GRP":"SHAFT","OUTER_DIA_MM":20}"#
            let foreign = #"{"ITEM_GRP":"SHAFT","DIA":20}"#
            let expected = try await Self.similar(own, by: worker)
            // The control: nobody has named the column yet.
            await #expect(throws: AnsweringFault.self) { try await Self.similar(foreign, by: worker) }
            let sender = Sender(actor: UUID(), auth: "local-uid/cli", reason: "a test")
            _ = try await home.commands.handle(InitialiseConfig(config: .runtime), by: sender)
            let patch: JSONValue = ["mapping_overrides": ["OUTER_DIA_MM": "DIA"]]
            _ = try await home.commands.handle(PatchConfig(config: .runtime, patch: patch), by: sender)
            try await until("it holds") { !worker.active.now.settings.attributes.isEmpty }
            #expect(worker.active.served?.embeddings.figures.entries == 0, "what was read before is read anew")
            #expect(try await Self.similar(foreign, by: worker) == expected)
            #expect(try await Self.similar(own, by: worker) == expected)
            await #expect(throws: AnsweringFault.self) {
                try await Self.similar(#"{"OUTER_DIA_MM":20,"DIA":20}"#, by: worker)
            }
            // A column by the name of another attribute: who asked by attributes is answered as before.
            let both = #"{"ITEM_GRP":"SHAFT","OUTER_DIA_MM":20,"LENGTH_MM":90}"#
            let before = try await Self.similar(both, by: worker)
            let clash: JSONValue = ["mapping_overrides": ["OUTER_DIA_MM": "LENGTH_MM"]]
            _ = try await home.commands.handle(PatchConfig(config: .runtime, patch: clash), by: sender)
            try await until("it holds") { worker.active.now.settings.attributes["LENGTH_MM"] != nil }
            #expect(try await Self.similar(both, by: worker) == before)
        }
    }

    @Test("Features of any length below the limit are answered; only short ones are remembered")
    func remembered() async throws {
        try await serving { _, worker in
            let short = #"{"ITEM_GRP":"SHAFT"}"#
            let long = #"{"ITEM_GRP":"SHAFT"\#(String(repeating: " ", count: 5_000))}"#
            let expected = try await Self.similar(long, by: worker)
            #expect(worker.active.served?.embeddings.figures.entries == 0)
            #expect(try await Self.similar(short, by: worker) == expected)
            #expect(worker.active.served?.embeddings.figures.entries == 1)
        }
    }
}
