import CanonicalJSON
import EventStoreTesting
import Extraction
import Foundation
import PlantTables
import Testing

/// A source on a server, which is started for these tests.
struct PostgreSQLSourceTests {
    /// A server of its own on a local socket; nil, with a line, where there is none.
    private final class Server {
        private let folder: String
        private let process = Process()
        private static let programs = "/usr/lib/postgresql/15/bin"

        init?(_ sql: String) throws {
            guard FileManager.default.isExecutableFile(atPath: "\(Self.programs)/initdb"),
                FileManager.default.fileExists(atPath: "/usr/lib/x86_64-linux-gnu/odbc/psqlodbcw.so")
            else {
                print(
                    "skipped: no PostgreSQL 15, or no ODBC driver for it (apt-get install postgresql odbc-postgresql)"
                )
                return nil
            }
            folder = "/var/tmp/daybook-pg-\(UUID().uuidString.prefix(8))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            if getuid() == 0 { try Self.run(["/bin/chown", "postgres:postgres", folder], in: "/") }
            try Self.run(
                Self.asPlainUser(["\(Self.programs)/initdb", "-D", "\(folder)/data", "-A", "trust", "-U", "app"]),
                in: folder
            )
            let words = Self.asPlainUser([
                "\(Self.programs)/postgres", "-D", "\(folder)/data", "-k", folder, "-c", "listen_addresses=", "-p",
                "5999",
            ])
            process.executableURL = URL(filePath: words[0])
            process.arguments = Array(words.dropFirst())
            process.currentDirectoryURL = URL(filePath: folder)
            process.standardError = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            while (try? Self.run(["\(Self.programs)/pg_isready", "-q", "-h", folder, "-p", "5999"], in: folder)) == nil
            {}
            try Self.run(
                ["\(Self.programs)/psql", "-q", "-h", folder, "-p", "5999", "-U", "app", "-c", sql, "postgres"],
                in: folder
            )
        }

        deinit {
            process.interrupt()
            process.waitUntilExit()
            try? FileManager.default.removeItem(atPath: folder)
        }

        var source: SourceDescription {
            get throws {
                try SourceDescription(
                    .postgresql,
                    at: folder,
                    keywords: ["Port": "5999", "Database": "postgres", "Uid": "app", "Pwd": "sesame"]
                )
            }
        }

        private static func asPlainUser(_ words: [String]) -> [String] {
            getuid() == 0
                ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] + words : words
        }

        private struct Failed: Error { let words: [String] }

        private static func run(_ words: [String], in folder: String) throws {
            let process = Process()
            process.executableURL = URL(filePath: words[0])
            process.arguments = Array(words.dropFirst())
            process.currentDirectoryURL = URL(filePath: folder)
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw Failed(words: words) }
        }
    }

    private static let sql = """
        CREATE TABLE "ItemMaster" ("ITEM_CD" text, "ITEM_NM" text, "OUTER_DIA_MM" float8, "WEIGHT_KG" numeric(12,4), "USE_YN" bool, "REG_DT" timestamp, "REMARK" text);
        INSERT INTO "ItemMaster" VALUES ('A', '축', 0.1, 1.2345, true, '2020-02-29 01:02:03.5', repeat('가', 20000)), ('B', '', NULL, NULL, false, NULL, NULL);
        CREATE TABLE routingoperation ("ITEM_CD" text, "OP_SEQ" int, "OP_CD" text, "SETUP_MIN" text);
        INSERT INTO routingoperation SELECT 'A', n, 'X', ' 1,250' FROM generate_series(1, 20000) n;
        """

    @Test func `a server's tables are read in one state, typed and whole`() async throws {
        guard let server = try Server(Self.sql) else { return }
        let setting = try ExtractionSetting()
        let found = try await setting.extraction().run(server.source, .plantSchema)
        let items = try #require(found.tables["ItemMaster"])
        #expect(items.numbers("OUTER_DIA_MM")?[0] == 0.1)
        #expect(items.numbers("WEIGHT_KG")?[0] == 1.2345)
        #expect(items.truths("USE_YN") == [1, 0])
        #expect(items.moments("REG_DT")?[0] == 1_582_938_123_500_000)
        #expect(items.texts("REMARK")?[0]?.count == 20_000)
        let operations = try #require(found.tables["RoutingOperation"])
        #expect(operations.rowCount == 20_000)
        #expect(operations.numbers("SETUP_MIN")?.last == 1250)
        #expect(found.source.size == nil)
        #expect(!found.json.prettyText.contains("sesame"))
        let missing = SourceProfile(
            name: "x",
            tables: [TableMapping("Nothing", isRequired: true, columns: [ColumnMapping("A", .text)])]
        )
        #expect(try await fault { try await setting.extraction().run(server.source, missing) }.code == .mapping)
    }

    @Test func `a session that its administrator ends is told as lost`() async throws {
        let ended = """
            CREATE VIEW "ItemMaster" AS SELECT 'A' AS "ITEM_CD" WHERE pg_terminate_backend(pg_backend_pid());
            CREATE TABLE routingoperation ("ITEM_CD" text, "OP_SEQ" int, "OP_CD" text);
            """
        guard let server = try Server(ended) else { return }
        let setting = try ExtractionSetting()
        let found = try await fault { try await setting.extraction().run(server.source, .plantSchema) }
        #expect(found.code == .statement && found.hint.contains("ended the connection"), "\(found)")
    }

    @Test func `a server that is not there is named without the password`() async throws {
        guard FileManager.default.fileExists(atPath: "/usr/lib/x86_64-linux-gnu/odbc/psqlodbcw.so") else {
            print("skipped: no ODBC driver for PostgreSQL (apt-get install odbc-postgresql)")
            return
        }
        let setting = try ExtractionSetting()
        let source = try SourceDescription(
            .postgresql,
            at: setting.folder,
            keywords: ["Pwd": "sesame", "Uid": "app", "Database": "p"]
        )
        let found = try await fault { try await setting.extraction().run(source, .plantSchema) }
        #expect(found.code == .cannotConnect)
        #expect(!found.json.prettyText.contains("sesame"))
    }
}
