import EventStoreTesting
import Extraction
import Foundation
import PlantTables
import RoutingModel
import Testing

/// How good the model is on two plants that are shared, by the definitions that other tools were measured with.
@Suite("Accuracy on shared plants")
struct AccuracyTests {
    private static func shared(_ name: String) -> String? {
        let root = ProcessInfo.processInfo.environment["DAYBOOK_TEST_DATA"] ?? ""
        let path = "\(root)/\(name)"
        if !root.isEmpty, FileManager.default.fileExists(atPath: path) { return path }
        print("SKIPPED: no \(name) (DAYBOOK_TEST_DATA)")
        return nil
    }

    private static func tables(_ path: String, _ scratch: TemporaryFolder) async throws -> [String: PlantTable] {
        let programs =
            ProcessInfo.processInfo.environment["DAYBOOK_PROGRAMS"]
            ?? URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
        let extraction = Extractor(
            program: "\(programs)/daybook",
            scratch: scratch.path,
            limits: ExtractionLimits(),
            cache: nil
        )
        return try await extraction.run(SourceDescription(words: path), .plantSchema) { _ in }.tables
    }

    private static func names(_ path: String) throws -> Set<String> {
        Set(try String(contentsOfFile: path, encoding: .utf8).split(whereSeparator: \.isNewline).map(String.init))
    }

    private static func tell(_ name: String, _ evaluation: Evaluation) {
        let scores = evaluation.model
        print(
            "FIGURES accuracy: \(name): \(scores.parts) parts, similarity \(rounded(scores.similarity)), "
                + "<= 1 edit \(rounded(scores.withinOneEdit)), operation median APE \(rounded(scores.operationTimes.medianAPE)) %, "
                + "total median APE \(rounded(scores.totalTimes.medianAPE)) %, coverage \(rounded(scores.operationTimes.coverage)) %; "
                + "floors \(rounded(evaluation.random.similarity)) and \(rounded(evaluation.consensus.similarity))"
        )
    }

    private static func rounded(_ value: Double?) -> String { String(format: "%.3f", value ?? .nan) }

    @Test("The made plant's 400 held-out parts: similarity 0.87, one edit 0.77, operation median APE 26 % and better")
    func made() async throws {
        guard let path = Self.shared("access/gen_demo.accdb"), let list = Self.shared("access/gen_demo_heldout.txt")
        else { return }
        let scratch = try TemporaryFolder("daybook-accuracy")
        let set = try Preparation.prepare(try await Self.tables(path, scratch))
        let held = try Self.names(list)
        let evaluation = try Evaluation.on(
            .heldOut,
            set.only(set.items.indices.filter { !held.contains(set.items[$0]) }),
            set.only(set.items.indices.filter { held.contains(set.items[$0]) }),
            ModelSettings()
        )
        Self.tell("made plant", evaluation)
        #expect(evaluation.model.parts == 400)
        #expect(evaluation.model.similarity >= 0.87 && evaluation.model.withinOneEdit >= 0.77)
        #expect(try #require(evaluation.model.operationTimes.medianAPE) <= 26)
        #expect(75...85 ~= (try #require(evaluation.model.operationTimes.coverage)))
        #expect(evaluation.model.similarity > max(evaluation.random.similarity, evaluation.consensus.similarity))
    }

    @Test("The real shop's 148 whole orders, each by itself: similarity 0.67, total median APE 36 % and better")
    func real() async throws {
        guard let path = Self.shared("access/levy_demo.accdb"),
            let list = Self.shared("production/levy_complete_orders.txt")
        else { return }
        let scratch = try TemporaryFolder("daybook-accuracy")
        let tables = try await Self.tables(path, scratch)
        let set = try Preparation.prepare(tables, Preparation.Settings(keepsCutOrders: true))
        let orders = try Self.names(list)
        let table = try #require(tables["WorkOrder"])
        let (numbers, items) = (try #require(table.texts("WO_NO")), try #require(table.texts("ITEM_CD")))
        let whole = Set((0..<table.rowCount).filter { orders.contains(numbers[$0] ?? "") }.compactMap { items[$0] })
        let evaluation = try Evaluation.leaveOneOut(
            set.only(set.items.indices.filter { whole.contains(set.items[$0]) }),
            ModelSettings()
        )
        Self.tell("real shop", evaluation)
        #expect(evaluation.model.parts == 148)
        #expect(evaluation.model.similarity >= 0.67)
        #expect(try #require(evaluation.model.totalTimes.medianAPE) <= 36)
        #expect(evaluation.model.similarity > max(evaluation.random.similarity, evaluation.consensus.similarity))
    }
}
