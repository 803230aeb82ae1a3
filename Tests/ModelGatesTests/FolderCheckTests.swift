import CanonicalJSON
import EventStoreTesting
import Foundation
import MadeTables
import PlantSamples
import PlantTables
import RoutingDomain
import RoutingModel
import Testing

@testable import ModelGates

@Suite("What a version must pass")
struct FolderCheckTests {
    /// A folder with a model that was trained on a made plant.
    private static func trained(_ items: Int = 300) throws -> TemporaryFolder {
        let folder = try TemporaryFolder("daybook-gates")
        let set = try Preparation.prepare(MadeTables.of(SamplePlant.Request(items: items, noise: 1, seed: 1)))
        let fitted = try FittedModel.fit(set, ModelSettings())
        let parameters = try IndexParameters(.l2, dimension: fitted.encoder.dimension)
        let index = try NeighbourIndex.build(fitted.encoder.vectors(of: set.parts), parameters)
        try TrainedModel(fitted, set, index: index, neighbours: 20).write(to: folder.path)
        let metadata = Data(#"{"producer": "daybook"}"#.utf8)
        try metadata.write(to: URL(filePath: folder.path(ModelFiles.metadata)))
        return folder
    }

    private func report(_ folder: TemporaryFolder, _ values: [String: JSONValue] = [:]) -> GateReport {
        var findings: [GateFinding] = []
        var unservable: String?
        let check = FolderCheck(request: CheckRequest(path: folder.path, limits: GateLimits(values))) { message in
            switch message {
            case .found(let finding): findings.append(finding)
            case .unservable(let why): unservable = why
            case .began, .done: break
            }
        }
        check.run()
        return GateReport(findings, unservable: unservable)
    }

    private func state(_ report: GateReport, _ gate: ActivationGate) -> GateFinding.State? {
        report.findings.first { $0.gate == gate }?.state
    }

    @Test("A trained folder loads, answers, finds its neighbours, and every gate is told")
    func passes() throws {
        let report = report(try Self.trained())
        #expect(report.failed.isEmpty && report.unservable == nil, "\(report)")
        #expect(Set(report.findings.map(\.gate)) == Set(ActivationGate.allCases).subtracting([.checksums]))
        #expect(state(report, .load) == .passed)
        #expect(state(report, .canaries) == .passed && state(report, .recallFloor) == .passed)
        #expect(state(report, .medianError) == .unknown, "there is no report of its quality")
    }

    @Test("A floor above what the index finds fails with measure and limit; below it passes: the control")
    func recall() throws {
        let folder = try Self.trained(2_000)
        let narrow: [String: JSONValue] = ["ef_search": 16, "top_k": 16]
        let measured = report(folder, narrow).findings.first { $0.gate == .recallFloor }
        let share = try #require(measured?.actual.flatMap { Double($0) })
        #expect(share > 0.3 && share <= 1)
        let below = narrow.merging(["activation_gates.recall_floor": "0.30"]) { $1 }
        #expect(state(report(folder, below), .recallFloor) == .passed)
        guard share < 1 else { return }
        let above = report(folder, narrow.merging(["activation_gates.recall_floor": "1.00"]) { $1 })
        let failed = try #require(above.failed.first)
        #expect(failed.gate == .recallFloor && failed.limit == "1.00" && failed.actual == measured?.actual)
    }

    @Test("Each file cut short or missing fails the load with its name, and nothing else is asked")
    func damaged() throws {
        for name in [ModelFiles.index, ModelFiles.model, ModelFiles.routings, ModelFiles.parts, ModelFiles.ids] {
            let folder = try Self.trained(100)
            let path = folder.path(name)
            let bytes = try Data(contentsOf: URL(filePath: path))
            try bytes.prefix(bytes.count / 2).write(to: URL(filePath: path))
            let found = report(folder)
            #expect(found.failed.map(\.gate) == [.load], "\(name): \(found)")
            #expect(state(found, .canaries) == .skipped, "\(name)")
        }
    }

    @Test("An index of other vectors is found out by the parts that do not find themselves")
    func foreign() throws {
        let folder = try Self.trained(300)
        let model = try TrainedModel.read(folder.path)
        let shuffled = Array(model.items.indices.reversed())
        let vectors = model.encoder.vectors(of: model.parts.rows(shuffled))
        let index = try NeighbourIndex.build(vectors, model.index.parameters)
        try index.save(to: folder.path(ModelFiles.index))
        let found = report(folder)
        #expect(state(found, .load) == .passed, "the file itself is sound")
        #expect(state(found, .canaries) == .failed, "\(found)")
    }

    @Test("What nothing here made passes by its checksums alone, and says why no worker serves it")
    func elsewhere() throws {
        let folder = try TemporaryFolder("daybook-gates")
        try Data("{}".utf8).write(to: URL(filePath: folder.path(ModelFiles.encoder)))
        let report = report(folder)
        #expect(report.failed.isEmpty && report.unservable?.contains("encoder.joblib") == true, "\(report)")
        #expect(report.findings.allSatisfy { $0.state == .skipped })
    }
}
