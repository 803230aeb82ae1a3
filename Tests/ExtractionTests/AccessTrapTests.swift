import Extraction
import Foundation
import PlantTables
import Testing

/// Values that the Access driver shows wrongly, cut or in another form; the files are made by scripts/developer.
struct AccessTrapTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures").path

    private func extract(_ name: String, _ profile: SourceProfile = .plantSchema) async throws -> Extracted {
        let setting = try ExtractionSetting()
        let source = try SourceDescription(words: "\(Self.fixtures)/\(name)")
        return try await setting.extraction().run(source, profile)
    }

    @Test func `single, decimal, currency, byte and yes-no columns come out exact`() async throws {
        let items = try #require(try await extract("traps.accdb").tables["ItemMaster"])
        #expect(items.rowCount == 8)
        #expect(items.numbers("INNER_DIA_MM").map { Array($0.prefix(2)) } == [12.5, 0.1])
        #expect(items.numbers("WIDTH_MM").map { Array($0.prefix(4)) } == [3.25, -0.5, 1e-7, 123_456_789.125])
        #expect(items.numbers("WEIGHT_KG").map { Array($0.prefix(2)) } == [1.2345, -9999.5])
        #expect(items.numbers("STD_PRICE").map { Array($0.prefix(2)) } == [1234.5678, -1.25])
        #expect(items.numbers("HARDNESS_HRC").map { Array($0.prefix(2)) } == [45, -3])
        #expect(items.numbers("HOLE_CNT")?.first == 200)
        #expect(items.truths("THREAD_YN").map { Array($0.prefix(4)) } == [1, 0, 1, 0])
        #expect(items.numbers("WEIGHT_KG")?[2].isNaN == true)
    }

    @Test func `texts that hold numbers are read as people write them, and counted`() async throws {
        let found = try await extract("traps.accdb")
        let sizes = try #require(found.tables["ItemMaster"]?.numbers("OUTER_DIA_MM"))
        #expect(Array(sizes.prefix(4)) == [1250, 125, 35, 12.5])
        #expect(sizes.dropFirst(4).count { $0.isNaN } == 4)
        #expect(found.issue("OUTER_DIA_MM", .repairedNumber)?.count == 4)
        let bad = try #require(found.issue("OUTER_DIA_MM", .badNumber))
        #expect(bad.count == 2)
        #expect(bad.places.first == ExtractionIssue.Place(row: 7, text: "abc"))
    }

    @Test func `a memo that the driver cuts is known, and ends with a whole sign`() async throws {
        let found = try await extract("traps.accdb")
        let remark = try #require(found.tables["ItemMaster"]?.texts("REMARK")?[2])
        #expect(remark.allSatisfy { $0 == "가" })
        #expect(remark.utf8.count == 16_383)
        #expect(found.issue("REMARK", .truncated)?.count == 1)
        #expect(found.issue("REMARK", .truncated)?.places.map(\.row) == [3])
    }

    @Test func `a day that no calendar has is missing, and the others are right to the second`() async throws {
        let found = try await extract("traps.accdb")
        let moments = try #require(found.tables["ItemMaster"]?.moments("REG_DT"))
        let day = try #require(ISO8601DateFormatter().date(from: "2012-01-29T23:24:00Z"))
        #expect(moments[0] == Int64(day.timeIntervalSince1970) * 1_000_000)
        #expect(moments[1] == PlantColumn.noMoment)
        #expect(found.issue("REG_DT", .badMoment)?.count == 1)
        #expect(moments[3] == PlantColumn.noMoment)
    }

    @Test func `signs that the driver does not know, blanks and missing keys are counted`() async throws {
        let found = try await extract("traps.accdb")
        let items = try #require(found.tables["ItemMaster"])
        #expect(items.texts("ITEM_NM")?[3] == "볼트 ??")
        #expect(found.issue("ITEM_NM", .lostSigns)?.count == 1)
        #expect(items.texts("ITEM_CD")?[6] == "P-007")
        #expect(found.issue("ITEM_CD", .trimmed)?.count == 1)
        #expect(found.issue("ITEM_CD", .missing)?.count == 1)
        #expect(found.issue("REMARK", .blank).map { $0.count >= 1 } == true)
        let remark = found.facts.first { $0.name == "ItemMaster" }?.columns.first { $0.name == "REMARK" }
        #expect(remark.map { $0.nulls >= 3 } == true)
    }

    @Test func `a column of bytes is not read, and said so`() async throws {
        let items = try #require(try await extract("traps.accdb").facts.first { $0.name == "ItemMaster" })
        #expect(items.unreadable == ["DRAWING_NO"])
        #expect(items.absent.contains("MATERIAL_CD"))
    }

    @Test func `hours become minutes where the column's name tells them`() async throws {
        let operations = try #require(try await extract("traps.accdb").tables["RoutingOperation"])
        #expect(operations.rowCount == 21)
        #expect(operations.numbers("RUN_MIN_PER_EA")?[3] == 30)
        #expect(operations.numbers("SETUP_MIN")?[1] == 10)
    }

    @Test func `Korean names with blanks and units are recognised without a setting`() async throws {
        let found = try await extract("korean.mdb")
        let items = try #require(found.tables["ItemMaster"])
        #expect(items.rowCount == 20)
        #expect(items.texts("ITEM_CD")?[1] == "품-2")
        #expect(items.texts("MATERIAL_CD")?[1] == "S45C")
        #expect(items.numbers("OUTER_DIA_MM")?[1] == 3)
        #expect(items.numbers("LENGTH_MM")?[1] == 200)
        #expect(items.truths("THREAD_YN")?[2] == 1)
        let operations = try #require(found.tables["RoutingOperation"])
        #expect(operations.rowCount == 40)
        #expect(operations.numbers("RUN_MIN_PER_EA").map { Array($0.prefix(2)) } == [6, 12])
        #expect(operations.numbers("SETUP_MIN").map { Array($0.prefix(2)) } == [7.5, 15])
    }

    @Test func `a profile of one's own reads a table with a reserved name`() async throws {
        let profile = SourceProfile(
            name: "orders",
            tables: [
                TableMapping(
                    "WorkOrder",
                    from: ["Order"],
                    isRequired: true,
                    columns: [
                        ColumnMapping("WO_NO", .text, from: ["Order No"], isRequired: true),
                        ColumnMapping("ORDER_QTY", .number, from: ["Qty"], range: 1...1500),
                    ]
                )
            ]
        )
        let found = try await extract("korean.mdb", profile)
        #expect(Set(found.tables.keys) == ["WorkOrder"])
        #expect(found.tables["WorkOrder"]?.columns.count == 2)
        #expect(found.tables["WorkOrder"]?.numbers("ORDER_QTY")?.count { $0.isNaN } == 5)
        #expect(found.issue("ORDER_QTY", .outOfRange)?.count == 5)
    }
}

extension Extracted {
    /// The issue of a kind in a column.
    func issue(_ column: String, _ kind: ExtractionIssue.Kind) -> ExtractionIssue? {
        issues.first { $0.column == column && $0.kind == kind }
    }
}
