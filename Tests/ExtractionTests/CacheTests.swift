import Extraction
import Foundation
import GRDB
import PlantTables
import Testing

/// Kept extractions: the same for the same bytes and the same mapping, and for nothing else.
struct CacheTests {
    private static let sql = """
        CREATE TABLE ItemMaster (ITEM_CD TEXT, ITEM_NM TEXT);
        INSERT INTO ItemMaster VALUES ('A', 'one');
        CREATE TABLE RoutingOperation (ITEM_CD TEXT, OP_SEQ INTEGER, OP_CD TEXT);
        """

    @Test func `a second reading comes out of the cache, and a stale one never does`() async throws {
        let setting = try ExtractionSetting()
        let cache = try ExtractionCache(folder: "\(setting.folder)/kept")
        let path = try setting.sqlite("p.db", Self.sql)
        let extraction = setting.extraction(cache: cache)
        let first = try await extraction.run(SourceDescription(words: path), .plantSchema)
        var second = try await extraction.run(SourceDescription(words: path), .plantSchema)
        #expect(!first.isFromCache && second.isFromCache)
        second.isFromCache = false
        #expect(first == second)
        // A row with the same length, and the file's time put back.
        let times = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate]
        let queue = try DatabaseQueue(path: path)
        try await queue.write { try $0.execute(sql: "UPDATE ItemMaster SET ITEM_NM = 'two'") }
        try queue.close()
        try FileManager.default.setAttributes([.modificationDate: times ?? Date()], ofItemAtPath: path)
        let third = try await extraction.run(SourceDescription(words: path), .plantSchema)
        #expect(!third.isFromCache)
        #expect(third.tables["ItemMaster"]?.texts("ITEM_NM")?[0] == "two")
        var other = SourceProfile.plantSchema
        other.tables[0].columns.removeAll { $0.name == "ITEM_NM" }
        let fourth = try await extraction.run(SourceDescription(words: path), other)
        #expect(!fourth.isFromCache)
        #expect(fourth.tables["ItemMaster"]?.columns.count == 1)
        #expect(cache.counts.hits == 1)
        #expect(cache.counts.misses == 3)
        #expect(cache.counts.entries == 3)
    }

    @Test func `a damaged entry is read anew, and the oldest ones go`() async throws {
        let setting = try ExtractionSetting()
        let folder = "\(setting.folder)/kept"
        let extraction = setting.extraction(cache: try ExtractionCache(folder: folder, kept: 1))
        let path = try setting.sqlite("p.db", Self.sql)
        _ = try await extraction.run(SourceDescription(words: path), .plantSchema)
        func entries() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".tables") }
        }
        let entry = "\(folder)/\(try #require(try entries().first))"
        var bytes = try Data(contentsOf: URL(filePath: entry))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(filePath: entry))
        #expect(try await !extraction.run(SourceDescription(words: path), .plantSchema).isFromCache)
        #expect(try await extraction.run(SourceDescription(words: path), .plantSchema).isFromCache)
        let other = try setting.sqlite("q.db", Self.sql + "INSERT INTO ItemMaster VALUES ('B', 'x');")
        _ = try await extraction.run(SourceDescription(words: other), .plantSchema)
        #expect(try entries().count == 1)
    }
}
