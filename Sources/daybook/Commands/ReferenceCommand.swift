import ArgumentParser
import CanonicalJSON
import DurableFiles
import Foundation
import Projecting

/// Prints the reference pages, which are generated and never edited.
struct ReferenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference",
        abstract:
            "Write the reference pages from the program itself: events, SQL bindings, schema, settings, commands, metrics, OpenAPI."
    )
    @OptionGroup var global: GlobalOptions
    @Option(name: .long, help: ArgumentHelp("The folder to write to.", valueName: "dir"))
    var out = "docs/reference"

    func run() async throws {
        var pages = ReferencePages.all(try ProjectionSet.bundled())
        pages["openapi.json"] = try await Server.openAPI().prettyText + "\n"
        pages["openapi-inference.json"] = try await InferenceServer.openAPI().prettyText + "\n"
        try DurableFile.makeDirectory(out)
        for (name, text) in pages.sorted(by: { $0.key < $1.key }) {
            try DurableFile.write(Array(text.utf8), to: "\(out)/\(name)")
        }
        let names = pages.keys.sorted()
        global.printer.show(
            names.map { "\(out)/\($0)" }.joined(separator: "\n"),
            .array(names.map { .string("\(out)/\($0)") })
        )
    }
}
