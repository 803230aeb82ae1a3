import Foundation
import GRDB
import Projecting
import Testing

@Suite("SQLite as this program sets it up")
struct StatementJournalTests {
    /// In a process of its own: the settings count only before its first connection.
    @Test(
        "A statement that touches more than fits in its journal's memory is carried out, and one that fails is taken back whole"
    )
    func largeStatement() async {
        await #expect(processExitsWith: .success) {
            try #require(SQLiteSetup.apply())
            let folder = FileManager.default.temporaryDirectory.appending(path: "statement-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let queue = try DatabaseQueue(path: folder.appending(path: "a.db").path)
            try await queue.write { db in
                try db.execute(
                    sql: "CREATE TABLE t (n INTEGER PRIMARY KEY, word TEXT NOT NULL CHECK (word <> 'last2'))"
                )
                try db.execute(
                    sql: """
                        WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 60000)
                        INSERT INTO t SELECT n, iif(n = 60000, 'last', hex(zeroblob(50))) FROM number
                        """
                )
            }
            try await queue.write { db in
                #expect(throws: DatabaseError.self) { try db.execute(sql: "UPDATE t SET word = word || '2'") }
                #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM t WHERE word LIKE '%2'") == 0)
                try db.execute(sql: "UPDATE t SET word = word || '3'")
                try db.execute(sql: "CREATE INDEX by_word ON t (word)")
                #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM t WHERE word LIKE '%3'") == 60_000)
            }
        }
    }
}
