import CanonicalJSON
import EventStoreTesting
import Foundation
import MadeTables
import PlantTables
import RoutingModel
import PlantSamples
import Testing

@Suite("Models of a made plant")
struct ModelTests {
    private static func set(_ items: Int, noise: Double = 1, seed: UInt64 = 1) throws -> TrainingSet {
        try Preparation.prepare(MadeTables.of(SamplePlant.Request(items: items, noise: noise, seed: seed)))
    }

    private static func trained(_ set: TrainingSet) throws -> TrainedModel {
        let fitted = try FittedModel.fit(set, ModelSettings())
        let parameters = try IndexParameters(.l2, dimension: fitted.encoder.dimension)
        let index = try NeighbourIndex.build(fitted.encoder.vectors(of: set.parts), parameters)
        return TrainedModel(fitted, set, index: index, neighbours: 20)
    }

    @Test("On parts held out the model lies above both floors, and four of five times lie in their interval")
    func quality() throws {
        let evaluation = try #require(try Evaluation.of(.heldOut, try Self.set(1_500), ModelSettings()))
        let floors = [evaluation.random.similarity, evaluation.consensus.similarity]
        #expect(floors.allSatisfy { evaluation.model.similarity > $0 + 0.1 }, "\(evaluation)")
        #expect(evaluation.model.withinOneEdit > 2 * evaluation.consensus.withinOneEdit)
        let times = evaluation.model.operationTimes
        #expect(75...85 ~= (try #require(times.coverage)), "\(times)")
        let floor = try #require(evaluation.consensus.operationTimes.medianAPE)
        #expect(try #require(times.medianAPE) < floor)
        #expect(evaluation.model.bestOfAlternatives > evaluation.model.similarity)
        #expect(evaluation.model.edits.reduce(0, +) == evaluation.model.parts)
    }

    @Test("Every split holds out other parts; a plant without dates or groups has no split by them")
    func splits() throws {
        let set = try Self.set(300)
        for split in Evaluation.Split.allCases {
            let evaluation = try #require(try Evaluation.of(split, set, ModelSettings()), "\(split)")
            #expect(evaluation.split == split && evaluation.model.parts > 0)
        }
        var columns = set.parts.columns
        columns["REG_DT"] = nil
        columns["ITEM_GRP"] = nil
        let plain = TrainingSet(
            items: set.items,
            parts: PlantTable("ItemMaster", rowCount: set.items.count, columns: columns),
            operations: set.operations,
            routings: set.routings,
            report: set.report
        )
        #expect(try Evaluation.of(.byTime, plain, ModelSettings()) == nil)
        #expect(try Evaluation.of(.newFamily, plain, ModelSettings()) == nil)
    }

    @Test(
        "Where no time is known there is no error of times, and the report says so; a split that was not made is named"
    )
    func unmeasured() throws {
        let made = try Self.set(120)
        var routings = RoutingColumns()
        for part in made.items.indices {
            routings.append(
                made.routings.steps(of: part).map { RoutingStep(operation: $0.operation, setup: .nan, run: .nan) }
            )
        }
        var columns = made.parts.columns
        columns["REG_DT"] = nil
        let set = TrainingSet(
            items: made.items,
            parts: PlantTable("ItemMaster", rowCount: made.items.count, columns: columns),
            operations: made.operations,
            routings: routings,
            report: made.report
        )
        let odd = TrainingSet(
            items: made.items,
            parts: made.parts,
            operations: OperationList(
                codes: made.operations.codes,
                names: made.operations.names.map { "\($0)\n\u{1b}[31m" },
                groups: made.operations.groups
            ),
            routings: made.routings,
            report: made.report
        )
        let (without, control) = (try Self.report(set), try Self.report(odd))
        let times = try #require(without.heldOut).model.operationTimes
        #expect(times.count == 0 && times.medianAPE == nil && times.coverage == nil)
        #expect(
            without.markdown.contains("no minutes of held-out parts are known") && !without.markdown.contains("0.0 %")
        )
        #expect(without.notMade?.keys.sorted() == ["time_split"])
        #expect(without.markdown.contains("Not held out, the newest: no part has a date"))
        #expect(try #require(control.heldOut).model.operationTimes.count > 0 && control.notMade == nil)
        #expect(control.markdown.contains("  [31m | ") && !control.markdown.contains("\u{1b}"), "no control character")
        #expect(control.markdown.contains("half of the minutes were told within"))
    }

    @Test("Errors without end, and zeros that an older report holds for no times, are told in words")
    func words() throws {
        let older = #"{"count":0,"excluded":9,"medianAPE":0,"meanAPE":0,"meanAbsolute":0,"weightedAPE":0,"coverage":0}"#
        var times = try JSONDecoder().decode(Scores.Times.self, from: Data(older.utf8))
        #expect(times.words == "no minutes of held-out parts are known")
        times.count = 3
        #expect(times.words == "half of the minutes were told within 0 %")
        times.medianAPE = Double.infinity
        times.medianAPE = 1e300
        #expect(times.words == "half of the minutes were told within 1.0e+300 %")
        times.medianAPE = 16.9
        #expect(times.words == "half of the minutes were told within 17 %")
    }

    private static func report(_ set: TrainingSet) throws -> QualityReport {
        let settings = ModelSettings()
        let fitted = try FittedModel.fit(set, settings)
        let evaluations = try Evaluation.Split.allCases.compactMap {
            try Evaluation.of($0, set, settings, fitted: fitted)
        }
        return QualityReport(evaluations, presets: [], set, fitted, plan: FeaturePlan(of: set.parts, textDimensions: 0))
    }

    @Test("The same data and seed give the same bytes; another seed of the plant gives others")
    func deterministic() throws {
        func bytes(_ seed: UInt64) throws -> [[UInt8]] {
            let fitted = try FittedModel.fit(try Self.set(400, seed: seed), ModelSettings())
            return [
                try ModelFiles.json(fitted.encoder), try ModelFiles.json(fitted.times),
                try ModelFiles.json(fitted.confidence),
            ]
        }
        let first = try bytes(1)
        #expect(try bytes(1) == first)
        #expect(try bytes(2) != first)
    }

    @Test("Learned weights are better on the parts they were learned on, and leave those that people gave")
    func weights() throws {
        var settings = ModelSettings()
        settings.featureWeights = ["MATERIAL_CD": 2.5]
        let fitted = try FittedModel.fit(try Self.set(500), settings)
        let learning = try #require(fitted.learning)
        #expect(learning.after > learning.before)
        let place = try #require(fitted.encoder.blocks.firstIndex { $0.feature.name == "MATERIAL_CD" })
        #expect(fitted.encoder.weights[place] == 2.5)
        settings.featureWeights = ["NO_SUCH": 1]
        let fault = #expect(throws: RoutingModelFault.self) { try FittedModel.fit(try Self.set(50), settings) }
        #expect(fault?.message.contains("NO_SUCH") == true)
        #expect(throws: RoutingModelFault.self) {
            try FittedModel.fit(try Self.set(50), ModelSettings(), goesOn: { false })
        }
    }

    @Test("A model that was written reads back and proposes the same; a damaged file is refused")
    func files() throws {
        let folder = try TemporaryFolder("daybook-model")
        let model = try Self.trained(try Self.set(300))
        try model.write(to: folder.path)
        let read = try TrainedModel.read(folder.path)
        let asked = model.parts.rows([7, 8])
        let told = try model.proposals(for: asked, ef: 128, except: [7, 8])
        #expect(try read.proposals(for: asked, ef: 128, except: [7, 8]) == told)
        #expect(told.allSatisfy { !$0.operations.isEmpty && $0.neighbours.count == 20 })
        #expect(!told[0].neighbours.contains { $0.part == 7 })
        let inputs = model.times.inputs(model.encoder, asked)
        for (proposal, part) in zip(told, inputs) {
            let own = proposal.operations.map(\.work.operation)
            let others = proposal.otherWork.map(\.operation)
            let named =
                proposal.alternatives.flatMap(\.operations)
                + proposal.expansions.flatMap { $0.choices.compactMap(\.operation) }
            #expect(!others.isEmpty && Set(others).count == others.count && Set(own).isDisjoint(with: others))
            #expect(Set(named).subtracting(own) == Set(others))
            #expect(proposal.otherWork.map(\.run) == others.map { model.times.runMinutes($0, part) })
            #expect(proposal.otherWork.map(\.setup) == others.map { model.times.setupMinutes($0, part) })
        }
        for name in [ModelFiles.encoder, ModelFiles.model, ModelFiles.routings, ModelFiles.parts, ModelFiles.ids] {
            let place = URL(filePath: folder.path(name))
            let whole = try Data(contentsOf: place)
            try whole.dropLast(9).write(to: place)
            #expect(throws: (any Error).self, "\(name)") { try TrainedModel.read(folder.path) }
            try whole.write(to: place)
        }
        #expect(throws: Never.self) { try TrainedModel.read(folder.path) }
    }

    @Test("A part unlike all that is known gets no recommendation; one like many does")
    func confidence() throws {
        let model = try Self.trained(try Self.set(800, noise: 0))
        let known = try model.proposals(for: model.parts.rows([5]), ef: 128, except: [5])[0]
        #expect(known.verdict != .none && known.confidence > 0.5, "\(known.confidence)")
        let strange = try AskedParts.table(
            [["ITEM_GRP": "NEW", "HOLE_CNT": 900, "OUTER_DIA_MM": 99_999, "TOLERANCE_MM": 50, "SURFACE_CD": "X"]],
            for: model.encoder
        )
        let unknown = try model.proposals(for: strange, ef: 128)[0]
        #expect(unknown.confidence < known.confidence, "\(unknown.confidence)")
        let oddities = model.encoder.oddities(of: strange, row: 0).map(\.feature)
        #expect(oddities.contains("ITEM_GRP") && oddities.contains("HARDNESS_HRC"))
    }

    @Test("What is asked wrongly is refused with its row and attribute")
    func asked() throws {
        let encoder = try FittedModel.fit(try Self.set(60), ModelSettings()).encoder
        let wrong: [([JSONValue], String)] = [
            ([], "0 parts"), ([["COLOUR": "red"]], "part 1 has an attribute COLOUR"),
            ([[:], 7], "part 2 is a JSON number"),
            ([["HOLE_CNT": "many"]], "part 1 has HOLE_CNT"), ([["THREAD_YN": 3]], "part 1 has THREAD_YN"),
            (Array(repeating: [:], count: 1_001), "1001 parts"),
        ]
        for (parts, words) in wrong {
            let fault = #expect(throws: RoutingModelFault.self) { try AskedParts.table(parts, for: encoder) }
            #expect(fault?.message.contains(words) == true, "\(fault?.message ?? "")")
        }
        let table = try AskedParts.table([["HOLE_CNT": "3", "THREAD_YN": true, "SURFACE_CD": ""]], for: encoder)
        #expect(
            table.numbers("HOLE_CNT") == [3] && table.truths("THREAD_YN") == [1] && table.texts("SURFACE_CD")?[0] == nil
        )
    }
}
