import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Projecting

/// Shows which events and which SQL files made a row.
struct ExplainCommand: HomeCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say where a row came from: which positions, through which SQL files."
    )
    @OptionGroup var global: GlobalOptions
    @Argument(help: "A table of registry.db, for example model_registry.")
    var table: String
    @Argument(help: "The row's key, for example a version.")
    var key: String

    func run(in home: OpenHome) async throws {
        try await home.catchUp()
        let steps = try await home.projector.explain(table: table, key: key)
        var lines = ["\(table) \(key) came from:"]
        var documents: [JSONValue] = []
        for origin in steps {
            let event = try home.log.page(from: origin.position, limit: 1).events.first
            let summary = event.map { EventDocument.summary($0) } ?? origin.type
            lines.append("  \(origin.position)  \(origin.file)  \(Words.short(summary, 100))")
            documents.append([
                "position": .integer(Int(origin.position)), "type": .string(origin.type), "file": .string(origin.file),
                "summary": .string(summary),
            ])
        }
        home.printer.show(lines.joined(separator: "\n"), .array(documents))
    }
}
