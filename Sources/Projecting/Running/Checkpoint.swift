internal import EventStore

/// How far a projection has come, as `projection_checkpoint` keeps it in the transaction of its rows.
struct Checkpoint: Equatable {
    /// Where and why a projection stands still.
    struct Parked: Equatable {
        var position: Position
        var type: String
        var error: String
    }

    /// The next position to read.
    var next: Position
    var digest: String
    var parked: Parked?

    /// The checkpoints of all projections that ever ran on this registry.
    static func all(_ handle: SQLiteHandle) throws(SQLiteFailure) -> [String: Checkpoint] {
        var result: [String: Checkpoint] = [:]
        let query = """
            SELECT name, checkpoint, digest, parked_position, parked_type, parked_error FROM projection_checkpoint
            """
        for row in try handle.rows(query) {
            result[row[0].text ?? ""] = Checkpoint(
                next: Position(clamping: row[1].integer ?? 0),
                digest: row[2].text ?? "",
                parked: row[3].integer.map {
                    Parked(position: Position(clamping: $0), type: row[4].text ?? "", error: row[5].text ?? "")
                }
            )
        }
        return result
    }

    /// Writes one; its parameters are ``values(of:)``.
    static let upsert = """
        INSERT INTO projection_checkpoint
            (name, checkpoint, digest, status, parked_position, parked_type, parked_error)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (name) DO UPDATE SET checkpoint = ?2, digest = ?3, status = ?4, parked_position = ?5,
            parked_type = ?6, parked_error = ?7
        """

    /// The row of a projection.
    func values(of name: String) -> [SQLiteValue] {
        [
            .text(name), .integer(Int64(next)), .text(digest), .text(parked == nil ? "running" : "parked"),
            parked.map { .integer(Int64($0.position)) } ?? .null, parked.map { .text($0.type) } ?? .null,
            parked.map { .text($0.error) } ?? .null,
        ]
    }

    /// Writes the checkpoint of a projection; part of the transaction that writes its rows.
    func save(_ name: String, _ handle: SQLiteHandle) throws(SQLiteFailure) {
        _ = try handle.rows(Self.upsert, values(of: name))
    }
}
