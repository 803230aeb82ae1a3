import ArgumentParser
import Extraction
import Foundation
import GRDB

/// An extraction into typed columns, from the copy of the source to the digests of the tables, beside a C loop over the same driver
/// and columns that keeps nothing.
struct ExtractBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "extract")

    @OptionGroup var options: BenchOptions

    @Option(help: "Rows of the routing table of the SQLite source that is made.")
    var rows = 350_000

    @Option(help: "An Access file in the plant schema (else gen_demo.accdb under DAYBOOK_TEST_DATA).")
    var access: String?

    @Option(help: "A server in the plant schema, as postgresql://user@host:port/database.")
    var postgresql: String?

    private static let operations = (
        name: "RoutingOperation", columns: ["ITEM_CD", "OP_SEQ", "OP_CD", "SETUP_MIN", "RUN_MIN_PER_EA"]
    )
    private static let results = (
        name: "WorkResult",
        columns: [
            "RESULT_ID", "WO_NO", "OP_SEQ", "OP_CD", "MACHINE_CD", "WORKER_CD", "START_DT", "END_DT", "WORK_MIN",
            "GOOD_QTY",
            "BAD_QTY", "REPORT_TYPE",
        ]
    )
    private static let drivers = "/usr/lib/x86_64-linux-gnu/odbc"

    func run() async throws {
        let peer = try Peer("extract_peer", libraries: ["-lodbc"], in: options.data)
        let file = try sqlite()
        try await compare(
            "SQLite",
            SourceDescription(words: file),
            peer,
            connection: "Driver=\(Self.drivers)/libsqlite3odbc.so;Database=\(file);NoCreat=1",
            quote: ("\"", "\""),
            number: "d",
            bar: 0.3
        )
        let shared = ProcessInfo.processInfo.environment["DAYBOOK_TEST_DATA"].map { "\($0)/access/gen_demo.accdb" }
        if let path = access ?? shared, FileManager.default.fileExists(atPath: path) {
            try await compare(
                "Access",
                SourceDescription(words: path),
                peer,
                connection: "Driver=\(Self.drivers)/libmdbodbc.so;DBQ=\(path)",
                quote: ("[", "]"),
                number: "t",
                table: access == nil ? Self.results : Self.operations,
                bar: 0.8
            )
        } else {
            print("extraction, Access: absent: no file (--access, or DAYBOOK_TEST_DATA)")
        }
        guard let postgresql else { return print("extraction, PostgreSQL: absent: no server (--postgresql)") }
        let source = try SourceDescription(words: postgresql)
        let keys = source.keywords.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value);" }.joined()
        try await compare(
            "PostgreSQL",
            source,
            peer,
            connection:
                "Driver=\(Self.drivers)/psqlodbcw.so;Server=\(source.location);\(keys)UseDeclareFetch=1;Fetch=4096",
            quote: ("\"", "\""),
            number: "d",
            bar: 0.8
        )
    }

    /// One table's extraction on both sides, in turns.
    private func compare(
        _ name: String,
        _ source: SourceDescription,
        _ peer: Peer,
        connection: String,
        quote: (String, String),
        number: String,
        table: (name: String, columns: [String]) = operations,
        bar: Double
    ) async throws {
        let columns = table.columns
        let kinds = columns.map { ["OP_SEQ", "SETUP_MIN", "RUN_MIN_PER_EA"].contains($0) ? number : "t" }
        let sql =
            "SELECT \(columns.map { quote.0 + $0 + quote.1 }.joined(separator: ",")) FROM \(quote.0)\(table.name)\(quote.1)"
        var profile = SourceProfile.plantSchema
        profile.atLeastOneOf = []
        profile.tables = profile.tables.filter { $0.name == table.name }
        for index in profile.tables.indices { profile.tables[index].columns.removeAll { !columns.contains($0.name) } }
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path
        let extraction = Extractor(program: program, words: ["read-source"], scratch: options.data)
        var (ours, theirs, rows) = (Figures(), Figures(), 0)
        for _ in 0..<options.rounds {
            theirs.add(try peer.figure(connection, sql, kinds.joined(), "1"))
            let start = ContinuousClock.now
            let found = try await extraction.run(source, profile)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            rows = found.facts.first?.rows ?? 0
            ours.add(Double(rows) / seconds)
        }
        report(
            "extraction, \(name), \(rows) rows of \(columns.count) columns",
            ours: ours,
            peer: theirs,
            unit: "rows/s",
            bar: bar
        )
    }

    private func sqlite() throws -> String {
        let path = "\(URL(filePath: options.data).standardizedFileURL.path(percentEncoded: false))/extract-\(rows).db"
        guard !FileManager.default.fileExists(atPath: path) else { return path }
        let queue = try DatabaseQueue(path: path)
        try queue.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE RoutingOperation (ITEM_CD TEXT, OP_SEQ INTEGER, OP_CD TEXT, SETUP_MIN REAL, RUN_MIN_PER_EA REAL);
                    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < \(rows))
                    INSERT INTO RoutingOperation
                    SELECT printf('P-%06d', i / 7), (i % 7 + 1) * 10, printf('OP%02d', i % 24), 5.0 + i % 13, 0.37 * (i % 101)
                    FROM n;
                    """
            )
        }
        try queue.close()
        return path
    }
}
