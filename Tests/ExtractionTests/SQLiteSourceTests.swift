import Extraction
import Foundation
import GRDB
import PlantTables
import Testing

/// Sources in SQLite, through its ODBC driver.
struct SQLiteSourceTests {
    private static let plant = """
        CREATE TABLE ItemMaster (ITEM_CD TEXT, ITEM_NM TEXT, OUTER_DIA_MM REAL, HOLE_CNT INTEGER, USE_YN TEXT, REG_DT TEXT, NOTE BLOB);
        INSERT INTO ItemMaster VALUES ('A', '축', 0.1, 3, 'Y', '2020-02-29 01:02:03.5', x'00'),
            ('B', '', 12345678901234568, NULL, '아니오', '2021-02-29', NULL),
            ('C', NULL, '1,250', 4, 'maybe', '20230105', NULL), ('D  ', '😀 "x"', ' ', 5, NULL, '', NULL);
        CREATE TABLE RoutingOperation (ITEM_CD TEXT, OP_SEQ INTEGER, OP_CD TEXT, RUN_MIN_PER_EA REAL);
        INSERT INTO RoutingOperation VALUES ('A', 10, 'OP', 0.30000000000000004);
        """

    @Test func `numbers are exact, and texts among them are read as texts`() async throws {
        let setting = try ExtractionSetting()
        let source = try SourceDescription(words: try setting.sqlite("p.db", Self.plant))
        let found = try await setting.extraction().run(source, .plantSchema)
        let items = try #require(found.tables["ItemMaster"])
        #expect(items.numbers("OUTER_DIA_MM").map { Array($0.prefix(3)) } == [0.1, 12_345_678_901_234_568, 1250])
        #expect(found.issue("OUTER_DIA_MM", .repairedNumber)?.places == [.init(row: 3, text: "1,250")])
        #expect(found.issue("OUTER_DIA_MM", .blank)?.count == 1)
        #expect(found.tables["RoutingOperation"]?.numbers("RUN_MIN_PER_EA") == [0.30000000000000004])
        #expect(items.truths("USE_YN") == [1, 0, -1, -1])
        #expect(items.texts("ITEM_NM").map { [$0[0], $0[1], $0[2], $0[3]] } == ["축", nil, nil, "😀 \"x\""])
        #expect(items.texts("ITEM_CD")?[3] == "D")
        #expect(found.issue("USE_YN", .badTruth)?.places == [.init(row: 3, text: "maybe")])
        #expect(found.issue("REG_DT", .badMoment)?.places == [.init(row: 2, text: "2021-02-29")])
        #expect(items.moments("REG_DT")?[0] == 1_582_938_123_500_000)
        #expect(found.facts.first?.counted == 4)
        #expect(found.source.driverVersion.contains("SQLite"))
    }

    @Test func `a missing column is named with the nearest one`() async throws {
        let setting = try ExtractionSetting()
        let path = try setting.sqlite(
            "p.db",
            """
            CREATE TABLE ItemMaster (ITEM_CODE TEXT, ITEM_NM TEXT);
            CREATE TABLE RoutingOperation (ITEM_CD TEXT, OP_SEQ INTEGER, OP_CD TEXT);
            """
        )
        let source = try SourceDescription(words: path)
        let found = try await fault { try await setting.extraction().run(source, .plantSchema) }
        #expect(found.code == .mapping)
        #expect(found.message.contains("ITEM_CD of ItemMaster (near: ITEM_CODE"))
        #expect(found.column == "ITEM_CD")
        let check = try await SourceCheck.run(source, .plantSchema, by: setting.extraction())
        #expect(!check.isGood)
        #expect(check.findings.last?.found.contains("near: ITEM_CODE") == true)
    }

    @Test func `a source without routings or results makes no model`() async throws {
        let setting = try ExtractionSetting()
        let source = try SourceDescription(words: try setting.sqlite("p.db", "CREATE TABLE ItemMaster (ITEM_CD TEXT)"))
        let found = try await fault { try await setting.extraction().run(source, .plantSchema) }
        #expect(found.message.contains("RoutingOperation, WorkResult"))
    }

    @Test func `an optional table that lacks a key is left out with its reason`() async throws {
        let setting = try ExtractionSetting()
        let path = try setting.sqlite("p.db", Self.plant + "CREATE TABLE Machine (MACHINE_NM TEXT);")
        let found = try await setting.extraction().run(SourceDescription(words: path), .plantSchema)
        #expect(found.leftOut["Machine"]?.contains("MACHINE_CD") == true)
        #expect(found.tables["Machine"] == nil)
    }

    @Test func `a value that the profile refuses to miss ends the extraction`() async throws {
        let setting = try ExtractionSetting()
        let source = try SourceDescription(words: try setting.sqlite("p.db", Self.plant))
        let profile = SourceProfile(
            name: "strict",
            tables: [
                TableMapping(
                    "ItemMaster",
                    columns: [ColumnMapping("HOLE_CNT", .number, isRequired: true, nulls: .refused)]
                )
            ]
        )
        let found = try await fault { try await setting.extraction().run(source, profile) }
        #expect(found.code == .valueMissing)
        #expect(found.message.contains("row 2"))
        #expect(found.column == "HOLE_CNT")
    }

    @Test func `rows in the write-ahead log are read`() async throws {
        let setting = try ExtractionSetting()
        let path = "\(setting.folder)/wal.db"
        let pool = try DatabasePool(path: path)
        try await pool.write { try $0.execute(sql: Self.plant) }
        #expect(FileManager.default.fileExists(atPath: path + "-wal"))
        let found = try await setting.extraction().run(SourceDescription(words: path), .plantSchema)
        #expect(found.tables["ItemMaster"]?.rowCount == 4)
        try pool.close()
    }

    @Test func `no file is made where none was, and the source is left as it was`() async throws {
        let setting = try ExtractionSetting()
        let path = try setting.sqlite("p.db", Self.plant)
        let before = try Data(contentsOf: URL(filePath: path))
        _ = try await setting.extraction().run(SourceDescription(words: path), .plantSchema)
        #expect(try Data(contentsOf: URL(filePath: path)) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: setting.folder) == ["p.db"])
    }

    @Test func `names that hold quotes and signs of SQL are names`() async throws {
        let setting = try ExtractionSetting()
        let path = try setting.sqlite(
            "p.db",
            "CREATE TABLE \"a\"\"; DROP TABLE x; --\" (\"c\"\"1]\" TEXT); INSERT INTO \"a\"\"; DROP TABLE x; --\" VALUES ('v')"
        )
        let profile = SourceProfile(
            name: "signs",
            tables: [
                TableMapping(
                    "T",
                    from: ["a\"; DROP TABLE x; --"],
                    columns: [ColumnMapping("C", .text, from: ["c\"1]"])]
                )
            ]
        )
        let found = try await setting.extraction().run(SourceDescription(words: path), profile)
        #expect(found.tables["T"]?.texts("C")?[0] == "v")
    }

    @Test func `an empty table and a column without values are what they are`() async throws {
        let setting = try ExtractionSetting()
        let path = try setting.sqlite(
            "p.db",
            """
            CREATE TABLE ItemMaster (ITEM_CD TEXT, OUTER_DIA_MM REAL);
            CREATE TABLE RoutingOperation (ITEM_CD TEXT, OP_SEQ INTEGER, OP_CD TEXT, SETUP_MIN REAL);
            INSERT INTO RoutingOperation VALUES ('A', 1, 'X', NULL), ('A', 2, 'Y', NULL);
            """
        )
        let found = try await setting.extraction().run(SourceDescription(words: path), .plantSchema)
        #expect(found.tables["ItemMaster"]?.rowCount == 0)
        #expect(found.tables["ItemMaster"]?.numbers("OUTER_DIA_MM") == [])
        #expect(found.tables["RoutingOperation"]?.numbers("SETUP_MIN")?.count { $0.isNaN } == 2)
    }

    @Test func `two extractions of one file have the same digests, and another row changes one`() async throws {
        let setting = try ExtractionSetting()
        let path = try setting.sqlite("p.db", Self.plant)
        let one = try await setting.extraction().run(SourceDescription(words: path), .plantSchema)
        let again = try await setting.extraction().run(SourceDescription(words: path), .plantSchema)
        #expect(one.facts.map(\.sha256) == again.facts.map(\.sha256))
        #expect(one.source.sha256 == again.source.sha256)
        let queue = try DatabaseQueue(path: path)
        try await queue.write { try $0.execute(sql: "INSERT INTO ItemMaster (ITEM_CD) VALUES ('E')") }
        try queue.close()
        let later = try await setting.extraction().run(SourceDescription(words: path), .plantSchema)
        #expect(later.source.sha256 != one.source.sha256)
        #expect(later.facts[0].sha256 != one.facts[0].sha256)
        #expect(later.facts[1].sha256 == one.facts[1].sha256)
    }
}
