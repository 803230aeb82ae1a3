import Extraction
import Foundation
import PlantTables
import Testing

/// Sources of text: quotes, marks and files that broke off.
struct CSVSourceTests {
    private static let operations = "ITEM_CD;OP_SEQ;OP_CD\nA;10;X\n"

    private func extract(_ files: [String: String]) async throws -> Extracted {
        let setting = try ExtractionSetting()
        let source = try Self.source(files.mapValues { Array($0.utf8) }, setting)
        return try await setting.extraction().run(source, .plantSchema)
    }

    private static func source(_ files: [String: [UInt8]], _ setting: ExtractionSetting) throws -> SourceDescription {
        let folder = "\(setting.folder)/plant"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        for (name, bytes) in files { try Data(bytes).write(to: URL(filePath: "\(folder)/\(name)")) }
        return try SourceDescription(words: folder)
    }

    @Test func `a folder of files is read, each with its own sign between fields`() async throws {
        let found = try await extract([
            "ItemMaster.csv":
                "\u{feff}ITEM_CD,ITEM_NM,OUTER_DIA_MM,REMARK\r\nA,\"축, \"\"큰\"\"\",\"1,250\",\r\nB,\"two\nlines\",3.5,\"\"\r\n",
            "RoutingOperation.csv": Self.operations, "읽지 않음.csv": "x\n",
        ])
        let items = try #require(found.tables["ItemMaster"])
        #expect(items.texts("ITEM_CD")?.words == ["A", "B"])
        #expect(items.texts("ITEM_NM")?.words == ["축, \"큰\"", "two\nlines"])
        #expect(items.numbers("OUTER_DIA_MM") == [1250, 3.5])
        let remark = found.facts.first { $0.name == "ItemMaster" }?.columns.first { $0.name == "REMARK" }
        #expect(remark?.nulls == 1)
        #expect(found.issue("REMARK", .blank)?.count == 1)
        #expect(found.tables["RoutingOperation"]?.numbers("OP_SEQ") == [10])
    }

    @Test func `Korean names with units are recognised`() async throws {
        let found = try await extract([
            "품목마스터.csv": "품번\t외경(mm)\t중량(g)\nA\t12\t1500\n",
            "공정순서.csv": "품번;공정순번;공정코드;준비시간(분);가공시간(초)\nA;1;X;5;90\n",
        ])
        #expect(found.tables["ItemMaster"]?.numbers("WEIGHT_KG") == [1.5])
        #expect(found.tables["RoutingOperation"]?.numbers("RUN_MIN_PER_EA") == [1.5])
        #expect(found.tables["RoutingOperation"]?.numbers("SETUP_MIN") == [5])
    }

    @Test func `a file that broke off is refused`() async throws {
        for text in ["ITEM_CD,ITEM_NM\nA,one\nB", "ITEM_CD,ITEM_NM\nA,\"one", "ITEM_CD,ITEM_NM\nA,one,more\n"] {
            let found = try await fault {
                try await extract(["ItemMaster.csv": text, "RoutingOperation.csv": Self.operations])
            }
            #expect([.truncated, .wrongFormat].contains(found.code))
            #expect(found.table == "ItemMaster")
        }
    }

    /// Two parts and their names in Hangul, as a file of one code page or another.
    private static func hangul(code: String, name: String, _ bytes: (String) -> [UInt8]) -> [String: [UInt8]] {
        let items = bytes("ITEM_CD,ITEM_NM\n\(code)1,\(name)1\nB,\(name)2\n")
        return ["ItemMaster.csv": items, "RoutingOperation.csv": Array(operations.utf8)]
    }

    /// CP949 of the one syllable that these tests use, and of nothing else beyond ASCII.
    private static func cp949(_ text: String) -> [UInt8] {
        text.unicodeScalars.flatMap { $0 == "가" ? [0xb0, 0xa1] : Array(String($0).utf8) }
    }

    @Test func `a code that is no UTF-8 is refused with its place, in another text it is counted`() async throws {
        let refused = try ExtractionSetting()
        let source = try Self.source(Self.hangul(code: "가", name: "x", Self.cp949), refused)
        let found = try await fault { try await refused.extraction().run(source, .plantSchema) }
        #expect(found.code == .badText && found.table == "ItemMaster" && found.column == "ITEM_CD", "\(found)")
        #expect(found.message.contains("row 1, and in 1 of 2") && found.hint.contains("CSV UTF-8"), "\(found)")
        let check = try await SourceCheck.run(source, .plantSchema, by: refused.extraction())
        #expect(!check.isGood && check.findings.last?.fix.contains("CSV UTF-8") == true, "\(check.findings)")
        let named = try ExtractionSetting()
        let names = try Self.source(Self.hangul(code: "A", name: "가", Self.cp949), named)
        let taken = try await named.extraction().run(names, .plantSchema)
        #expect(taken.issue("ITEM_NM", .badText)?.count == 2)
        let noted = try await SourceCheck.run(names, .plantSchema, by: named.extraction())
        #expect(noted.isGood && noted.findings.contains { $0.subject == "ItemMaster.ITEM_NM" && $0.state == .note })
        let control = try ExtractionSetting()
        let whole = try Self.source(Self.hangul(code: "가", name: "가") { Array($0.utf8) }, control)
        let read = try await control.extraction().run(whole, .plantSchema)
        #expect(read.tables["ItemMaster"]?.texts("ITEM_CD")?.words == ["가1", "B"] && read.issues.isEmpty)
    }

    @Test func `a name of a column that is no UTF-8 is refused`() async throws {
        let setting = try ExtractionSetting()
        let files = [
            "ItemMaster.csv": Self.cp949("ITEM_CD,가\nA,1\n"), "RoutingOperation.csv": Array(Self.operations.utf8),
        ]
        let source = try Self.source(files, setting)
        let found = try await fault { try await setting.extraction().run(source, .plantSchema) }
        #expect(found.code == .badText && found.message.contains("column 2") && found.hint.contains("CSV UTF-8"))
    }

    @Test func `what was lost and what is not there is told, without a path`() async throws {
        let found = try await extract([
            "ItemMaster.csv": "ITEM_CD,OUTER_DIA_MM\nA,abc\nB,abc\n", "RoutingOperation.csv": Self.operations,
        ])
        let lacked = found.lacked(by: .plantSchema)
        #expect(lacked.first == "ItemMaster.OUTER_DIA_MM: 2 x no number, taken as no value (row 1: abc)", "\(lacked)")
        #expect(lacked.contains("the table WorkOrder: the source has none"))
        #expect(lacked.contains("ItemMaster.WIDTH_MM: the source has no such column"))
        #expect(!lacked.contains { $0.contains("/") })
    }

    @Test func `numbers and moments are read in every form that stands for one, and in no other`() async throws {
        let good: [(String, Double)] = [
            ("12", 12), ("-3.25", -3.25), ("+7", 7), ("1e-7", 1e-7), (".5", 0.5), ("5.", 5), ("１，２５０", 1250),
            ("Φ 35", 35), ("⌀12.5", 12.5), ("1,234,567.5", 1_234_567.5), ("−4", -4), (" 8 ", 8), ("　9　", 9),
            ("0.1", 0.1), ("123456789012345678901234567890", 1.2345678901234568e29),
            ("1.7976931348623157e308", .greatestFiniteMagnitude), ("4.9e-324", .leastNonzeroMagnitude),
            ("9007199254740993", 9007199254740992),
            ("2.2250738585072014e-308", .leastNormalMagnitude), ("0000000000000000000000000012.50", 12.5),
        ]
        let bad = [
            "abc", "1,25", "12,34", ",123", "1..2", "1e", "0x10", "nan", "inf", "1e999", "12 mm", "1 2", "-", "φ",
            "１,２5",
        ]
        let rows = (good.map(\.0) + bad).map { "x,\"\($0)\"" }.joined(separator: "\n")
        let found = try await extract([
            "ItemMaster.csv": "ITEM_CD,WIDTH_MM\n\(rows)\n", "RoutingOperation.csv": Self.operations,
        ])
        let numbers = try #require(found.tables["ItemMaster"]?.numbers("WIDTH_MM"))
        for (index, (text, value)) in good.enumerated() { #expect(numbers[index] == value, "\(text)") }
        for (index, text) in bad.enumerated() { #expect(numbers[good.count + index].isNaN, "\(text)") }
        #expect(found.issue("WIDTH_MM", .badNumber)?.count == bad.count)
    }

    @Test func `every day of four centuries is the calendar's`() async throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        var seed = SystemRandomNumberGenerator()
        let days = (0..<2000).map { _ in Int.random(in: -54_786...91_311, using: &seed) }
        let rows = days.map { day in
            let parts = calendar.dateComponents(
                [.year, .month, .day],
                from: Date(timeIntervalSince1970: Double(day) * 86_400)
            )
            return "x,\(parts.year ?? 0)/\(parts.month ?? 0)/\(parts.day ?? 0) 13:05"
        }
        let found = try await extract([
            "ItemMaster.csv": "ITEM_CD,REG_DT\n" + rows.joined(separator: "\n") + "\n",
            "RoutingOperation.csv": Self.operations,
        ])
        let expected = days.map { Int64($0) * 86_400_000_000 + 47_100_000_000 }
        #expect(found.tables["ItemMaster"]?.moments("REG_DT") == expected)
        let bad = [
            "1900-01-00 00:00:00", "2023-02-29", "2023-13-01", "2023-01-01T", "23-01-01", "2023-01-01 25:00",
            "2023-01-01 10:00Z",
        ]
        let refused = try await extract([
            "ItemMaster.csv": "ITEM_CD,REG_DT\n" + bad.map { "x,\($0)\n" }.joined(),
            "RoutingOperation.csv": Self.operations,
        ])
        #expect(refused.issue("REG_DT", .badMoment)?.count == bad.count)
    }

    @Test func `words that are one letter in two spellings are one word`() async throws {
        let found = try await extract([
            "ItemMaster.csv": "ITEM_CD,ITEM_GRP\nA,\u{ac00}\nB,\u{1100}\u{1161}\n",
            "RoutingOperation.csv": Self.operations,
        ])
        #expect(found.tables["ItemMaster"]?.texts("ITEM_GRP")?.codes == [0, 0])
    }

    @Test func `many rows and many words come over in order`() async throws {
        let rows = (0..<20_000).map { "P-\($0),\($0 % 7),\($0).25" }.joined(separator: "\n")
        let found = try await extract([
            "ItemMaster.csv": "ITEM_CD,ITEM_GRP,WIDTH_MM\n\(rows)\n", "RoutingOperation.csv": Self.operations,
        ])
        let items = try #require(found.tables["ItemMaster"])
        #expect(items.texts("ITEM_CD")?[19_999] == "P-19999")
        #expect(items.texts("ITEM_GRP")?.words.count == 7)
        #expect(items.numbers("WIDTH_MM")?[12_345] == 12_345.25)
    }
}
