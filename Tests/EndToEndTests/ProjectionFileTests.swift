import EventStoreTesting
import Foundation
import Testing

/// SQL files that break the rules are refused before any event is applied, with file and line.
@Suite("Bad projection files")
struct ProjectionFileTests {
    /// One broken file: where it stands, what it says, and what the message must name.
    struct Broken: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let file: String
        let sql: String
        let names: [String]
    }

    private static let registration = "model_registry/model.registered.sql"

    static let cases = [
        Broken(
            testDescription: "writes a foreign table",
            file: registration,
            sql: "-- line one\nDELETE FROM audit_trail WHERE position = :position;\n",
            names: ["\(registration):2", "audit_trail"]
        ),
        Broken(
            testDescription: "reads a foreign table",
            file: registration,
            sql: "UPDATE model_registry SET notes = (SELECT max(summary) FROM audit_trail) WHERE version = :version;\n",
            names: ["\(registration):1", "audit_trail"]
        ),
        Broken(
            testDescription: "calls random()",
            file: registration,
            sql: "UPDATE model_registry SET files = random() WHERE version = :version;\n",
            names: ["\(registration):1", "random"]
        ),
        Broken(
            testDescription: "asks the clock",
            file: registration,
            sql: "UPDATE model_registry SET notes = datetime('now') WHERE version = :version;\n",
            names: ["\(registration):1", "datetime"]
        ),
        Broken(
            testDescription: "misspells a parameter",
            file: registration,
            sql: "\n\nUPDATE model_registry SET notes = :noets WHERE version = :version;\n",
            names: ["\(registration):3", "noets"]
        ),
        Broken(
            testDescription: "scans the table",
            file: "model_registry/model.activated.sql",
            sql: "UPDATE model_registry SET active_flag = (version = :version);\n",
            names: ["model_registry/model.activated.sql:1"]
        ),
        Broken(
            testDescription: "is no SQL",
            file: registration,
            sql: "UPDAET model_registry;\n",
            names: ["\(registration):1"]
        ),
        Broken(
            testDescription: "changes the shape",
            file: registration,
            sql: "DROP TABLE model_registry;\n",
            names: ["\(registration):1"]
        ),
        Broken(
            testDescription: "opens another file",
            file: registration,
            sql: "ATTACH DATABASE 'other.db' AS other;\n",
            names: ["\(registration):1"]
        ),
        Broken(
            testDescription: "handles an event that does not exist",
            file: "model_registry/model.activatd.sql",
            sql: "UPDATE model_registry SET notes = '' WHERE version = :stream;\n",
            names: ["model.activatd"]
        ),
    ]

    @Test("A file that breaks the rules is refused at start, file and line named", arguments: cases)
    func refused(_ broken: Broken) async throws {
        let home = try await TestHome.make()
        let folder = try TemporaryFolder("daybook-e2e")
        for name in ["projections", "migrations"] {
            try FileManager.default.copyItem(atPath: "\(Program.checkout)/\(name)", toPath: folder.path(name))
        }
        let options = ["--projections", folder.path("projections"), "--migrations", folder.path("migrations")]
        try await home.succeed(["projections", "check"] + options)
        try Data(broken.sql.utf8).write(to: URL(filePath: "\(folder.path("projections"))/\(broken.file)"))
        for words in [["projections", "check"], ["projections", "list"], ["model", "list"]] {
            try await home.refuses(words + options, exit: 78, naming: broken.names)
        }
        let patch = ["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "x"]
        try await home.refuses(patch + options, exit: 78, naming: broken.names)
    }
}
