package import GRDB

/// One inference worker and what it has loaded.
package struct WorkerRow: ReadModelRow {
    package let worker: String
    package let instance: String
    package let host: String
    package let program: String
    /// joined, left or lost.
    package let status: String
    package let joinedAt: String
    package let endedAt: String?
    package let silentSeconds: Int?
    /// The model version that it answers with; nil before its first load.
    package let version: String?
    package let manifestSha256: String?
    package let indexHandle: String?
    package let loadMs: Int?
    package let loadedAt: String?
    /// The version that it could not load since, with what went wrong.
    package let failedVersion: String?
    package let failedProblem: String?
    package let failedMessage: String?
    package let failedAt: String?
    package let position: Int
    /// Where its last load stands; nil before its first since it joined.
    package let loadedPosition: Int?
    /// Where the failure stands that it has had since.
    package let failedPosition: Int?
    /// What the loader remarked of the version that it answers with, each on a line; nil where there was nothing.
    package let warnings: String?
}

/// Who answers proposals.
package enum InferenceWorkers {
    /// The names of the workers that work.
    package static func joined(_ db: Database) throws -> [String] {
        try list(db).filter { $0.status == "joined" }.map(\.worker)
    }

    /// Every worker that ever joined, by name.
    package static func list(_ db: Database) throws -> [WorkerRow] {
        try WorkerRow.fetchAll(db, sql: "SELECT * FROM inference_workers ORDER BY worker")
    }
}
