import EventStoreTesting
import Testing

@testable import Projecting

@Suite("Checks before anything is applied")
struct CheckerTests {
    /// The faults of the small set with one file changed or added.
    private func faults(_ file: String, _ sql: String, migrations: [String: String] = [:]) throws -> [String] {
        let folder = try TemporaryFolder()
        let folders = try SmallProjections.write(into: folder, files: [file: sql], migrations: migrations)
        let result = try ProjectionSet.check(projections: folders.projections, migrations: folders.migrations)
        #expect((result.set == nil) == !result.faults.isEmpty)
        return result.faults.map(\.description)
    }

    private static let work = "work/task.logged.sql"
    private static let good = "INSERT INTO work (position, task) VALUES (:position, :task);"

    @Test("The control: the small set as it is has no fault")
    func control() throws {
        #expect(try faults(Self.work, Self.good).isEmpty)
        #expect(try faults(Self.work, "-- words\n/* more */\n\(Self.good)\n-- an end\n").isEmpty)
    }

    @Test(
        "A handler that breaks a rule is refused with file and line",
        arguments: [
            ("\nDELETE FROM trail WHERE position = :position;", 2, "writes table trail, which belongs to trail"),
            ("INSERT INTO work (position, task)\nSELECT :position, summary FROM trail;", 1, "reads table trail"),
            ("INSERT INTO work (position, task) VALUES (:position, hex(random()));", 1, "calls random()"),
            ("INSERT INTO work (position, task) VALUES (:position, datetime('now'));", 1, "calls datetime()"),
            ("INSERT INTO work (position, task) VALUES (:position, last_insert_rowid());", 1, "last_insert_rowid()"),
            ("-- one\n-- two\nINSERT INTO work (position, task) VALUES (:position, :taks);", 3, "did you mean :task?"),
            ("INSERT INTO work (position, task) VALUES (:position, ?2);", 1, "parameters are written :name"),
            ("INSERT INTO work (position, task) VALUES (:position, :version);", 1, "unknown parameter :version"),
            ("\(Self.good)\nUPDATE work SET words = 'x' WHERE task = :task;", 2, "reads all of work"),
            ("DELETE FROM work;", 1, "reads all of a table"),
            ("\(Self.good)\n\nrubbish", 3, "near \"rubbish\": syntax error"),
            ("\(Self.good) INSERT INTO work", 1, "incomplete input"),
            ("", 0, "the file holds no statement"),
            ("-- only words\n;", 0, "the file holds no statement"),
            ("SELECT 1;", 1, "the statement changes nothing"),
            ("ATTACH 'x' AS x;", 1, "attaches or detaches"),
            ("PRAGMA user_version = 3;", 1, "PRAGMA"),
            ("COMMIT;", 1, "begins or ends a transaction"),
            ("CREATE TABLE other (a);", 1, "sqlite_master"),
            ("DROP TABLE work;", 1, "which"),
            (
                "INSERT INTO projection_checkpoint (name, checkpoint, digest, status) VALUES ('x', 1, '', '');", 1,
                "engine"
            ),
            ("INSERT INTO work (position, task) VALUES (:position, \"tsak\");", 1, "no such column"),
            ("INSERT INTO nowhere VALUES (:position);", 1, "no such table"),
            ("INSERT INTO work (position, task) VALUES (:position, :task) RETURNING position;", 1, "returns rows"),
            (
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                    + "INSERT INTO work (position) SELECT i FROM n;", 1, "recurses"
            ),
        ] as [(String, Int, String)]
    )
    func refuses(_ sql: String, _ line: Int, _ words: String) throws {
        // An empty text leaves a file out in the small set, so a file without statements is written as one space.
        let found = try faults(Self.work, sql.isEmpty ? " " : sql)
        #expect(found.count == 1)
        let first = try #require(found.first)
        #expect(
            first.hasPrefix(
                line > 0 ? "projections/work/task.logged.sql:\(line): " : "projections/work/task.logged.sql: "
            )
        )
        #expect(first.contains(words), "\(first)")
    }

    @Test("A file for an event type that does not exist is refused and the nearest type named")
    func unknownType() throws {
        #expect(
            try faults("work/task.loged.sql", Self.good)
                == ["projections/work/task.loged.sql: there is no event type task.loged; did you mean task.logged?"]
        )
        #expect(try faults("work/notes.txt", "x").first?.contains("belong here") == true)
        #expect(
            try faults("stray/task.logged.sql", Self.good).contains { $0.contains("no migration makes a table for it") }
        )
    }

    @Test("A handler for every type binds the envelope only")
    func everyBindsEnvelope() throws {
        let found = try faults("work/_every.sql", "INSERT INTO work (position, task) VALUES (:position, :task);")
        #expect(found.first?.hasPrefix("projections/work/_every.sql:1: unknown parameter :task") == true)
    }

    @Test("Searching by a key, an index or a partial index is no scan")
    func searches() throws {
        let sql = """
            UPDATE versions SET active = (version = :version), position = :position
            WHERE active = 1 OR version = :version;
            """
        #expect(try faults("versions/model.activated.sql", sql).isEmpty)
        let naive = "UPDATE versions SET active = (version = :version);"
        #expect(try faults("versions/model.activated.sql", naive).first?.contains("reads all of versions") == true)
    }

    @Test(
        "A migration that breaks a rule is refused",
        arguments: [
            ("0009-nobody.sql", "CREATE TABLE a (b TEXT) STRICT;", "there is no projection nobody"),
            ("0009-wrok.sql", "CREATE TABLE a (b TEXT) STRICT;", "did you mean work?"),
            ("9-work.sql", "CREATE TABLE a (b TEXT) STRICT;", "the name is not"),
            ("0005-trail.sql", "CREATE TABLE a (b TEXT) STRICT;", "is taken by"),
            ("0009-work.sql", "CREATE TABLE a (b TEXT);", "table a is not STRICT"),
            ("0009-work.sql", "INSERT INTO work (position) VALUES (1);", "moves data in work"),
            ("0009-work.sql", "DROP TABLE trail;", "drops table trail, which belongs to trail"),
            ("0009-work.sql", "ALTER TABLE trail ADD COLUMN x TEXT;", "changes table trail"),
            ("0009-work.sql", "CREATE INDEX i ON trail (actor);", "makes an index on trail"),
            ("0009-work.sql", "CREATE VIEW v AS SELECT random() AS r FROM work;", "calls random()"),
            ("0009-work.sql", "CREATE VIEW v AS SELECT tsak FROM work;", "does not compile"),
            ("0009-work.sql", "CREATE TRIGGER t AFTER INSERT ON work BEGIN DELETE FROM work; END;", "makes a trigger"),
            ("0009-work.sql", "\nCREATE TABLE (;", "migrations/0009-work.sql:2:"),
        ] as [(String, String, String)]
    )
    func refusesMigrations(_ name: String, _ sql: String, _ words: String) throws {
        let found = try faults(Self.work, Self.good, migrations: [name: sql])
        #expect(found.contains { $0.contains(words) }, "\(found)")
    }

    @Test("A refused set names its first fault and the number of the others")
    func loadThrows() throws {
        let folder = try TemporaryFolder()
        let folders = try SmallProjections.write(
            into: folder,
            files: [Self.work: "DELETE FROM work;", "trail/_every.sql": "DELETE FROM trail;"]
        )
        #expect {
            try ProjectionSet.load(projections: folders.projections, migrations: folders.migrations)
        } throws: {
            guard let fault = $0 as? ProjectingFault else { return false }
            return fault.code == .projectionRefused && fault.message.hasPrefix("projections/trail/_every.sql:1: ")
                && fault.message.hasSuffix("and 1 more")
        }
    }

    @Test("A projection that only inserts rows with a position is a journal; any other is a state")
    func kinds() throws {
        let set = try SmallProjections.load()
        #expect(set.projections.filter { $0.kind == .journal }.map(\.name) == ["trail", "work"])
        let replacing = try SmallProjections.load(files: [
            Self.work: "INSERT OR REPLACE INTO work (position, task) VALUES (:position, :task);"
        ])
        #expect(replacing.projection("work")?.kind == .state)
    }

    @Test("The digest changes with any byte of a file or migration and with nothing else")
    func digests() throws {
        let first = try SmallProjections.load()
        let same = try SmallProjections.load()
        let other = try SmallProjections.load(files: [Self.work: Self.good])
        let shaped = try SmallProjections.load(migrations: ["0009-work-more.sql": "CREATE INDEX w ON work (task);"])
        #expect(first.projections.map(\.digest) == same.projections.map(\.digest))
        #expect(first.projection("work")?.digest != other.projection("work")?.digest)
        #expect(first.projection("work")?.digest != shaped.projection("work")?.digest)
        #expect(first.projection("trail")?.digest == shaped.projection("trail")?.digest)
    }
}
