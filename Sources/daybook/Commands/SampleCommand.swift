import ArgumentParser
import CanonicalJSON
import DurableFiles
import Foundation
import GRDB
import PlantSamples

struct SampleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Write the database of a made plant (SQLite), to train on and to try things with.",
        discussion: """
            Parts with attributes, the routings that follow from them, orders and what was reported of them; lots, reports and \
            rework as in a real job shop. The same options give the same rows. Traps are what real databases have and tidy ones \
            have not: \(SamplePlant.Trap.allCases.map(\.rawValue).joined(separator: ", ")).
            """
    )

    @Option(name: .long, help: ArgumentHelp("The file; must not exist yet.", valueName: "file"))
    var out: String
    @Option(name: .long, help: "Parts, 1 to 1,000,000.")
    var items = 3_000
    @Option(name: .long, help: "0 obeys its rules, 1 is tidy, 4 to 5 is as wild as life.")
    var noise = 1.0
    @Option(name: .long, help: "Decides everything that is drawn.")
    var seed: UInt64 = 1
    @Option(
        name: .long,
        help: ArgumentHelp("A trap to set; may be repeated. \"all\" sets each of them.", valueName: "name")
    )
    var trap: [String] = []
    @Flag(name: .long, inversion: .prefixedNo, help: "Orders and what was reported of them: four fifths of all rows.")
    var orders = true
    @Flag(name: .long, help: "Print JSON for programs instead of text for people.")
    var json = false

    func run() async throws {
        let request = SamplePlant.Request(
            items: items,
            noise: noise,
            seed: seed,
            traps: try traps(),
            hasOrders: orders
        )
        guard 1...1_000_000 ~= items else { throw ValidationError("--items \(items) is not from 1 to 1000000") }
        guard 0...10 ~= noise else { throw ValidationError("--noise \(noise) is not from 0 to 10") }
        let path = out
        guard !FileManager.default.fileExists(atPath: path) else {
            throw Failure(
                "sample.exists",
                "\(path) exists already",
                hint: "name another file, or remove it",
                status: ExitStatus.cannotCreate
            )
        }
        let rows = try await onThread { try Self.write(request, to: path) }
        let lines = rows.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value) rows" }
        Printer(asJSON: json).show(
            "\(path): a plant of \(items) parts\n\(lines.joined(separator: "\n"))",
            [
                "file": .string(path), "items": .integer(items), "seed": .integer(Int(clamping: seed)),
                "rows": .object(rows.mapValues { .integer($0) }),
            ]
        )
    }

    private func traps() throws -> Set<SamplePlant.Trap> {
        guard !trap.contains("all") else { return Set(SamplePlant.Trap.allCases) }
        return Set(
            try trap.map { name in
                guard let trap = SamplePlant.Trap(rawValue: name) else {
                    let names = SamplePlant.Trap.allCases.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("--trap \(name) is none of \(names), all")
                }
                return trap
            }
        )
    }

    /// Writes the database beside its place and renames it: it is there whole or not at all.
    ///
    /// Returns the rows of each table.
    static func write(_ request: SamplePlant.Request, to path: String) throws -> [String: Int] {
        let unfinished = "\(path).part"
        try? FileManager.default.removeItem(atPath: unfinished)
        var plant = SamplePlant(request)
        var rows: [String: Int] = [:]
        do {
            let queue = try DatabaseQueue(path: unfinished)
            try queue.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN")
                var inserts: [String: Statement] = [:]
                for table in plant.tables {
                    let columns = table.columns.map { "\"\($0.title)\" \($0.type)" }.joined(separator: ", ")
                    try db.execute(sql: "CREATE TABLE \"\(table.title)\" (\(columns))")
                    let places = table.columns.map { _ in "?" }.joined(separator: ", ")
                    inserts[table.name] = try db.makeStatement(sql: "INSERT INTO \"\(table.title)\" VALUES (\(places))")
                    rows[table.name] = 0
                }
                try plant.make { table, row in
                    rows[table, default: 0] += 1
                    try inserts[table]?.execute(arguments: StatementArguments(row.map(\.databaseValue)))
                }
                inserts = [:]
                try db.execute(sql: "COMMIT")
            }
            try queue.close()
        } catch {
            try? FileManager.default.removeItem(atPath: unfinished)
            throw error
        }
        try DurableFile.moveToNewName(unfinished, to: path)
        return rows
    }
}

extension SamplePlant.Value {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let number): number.databaseValue
        case .number(let number): number.databaseValue
        case .text(let text): text.databaseValue
        }
    }
}
