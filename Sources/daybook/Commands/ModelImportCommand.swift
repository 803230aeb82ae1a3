import ArgumentParser
import CanonicalJSON
import DurableFiles
import Extraction
import Foundation
import RoutingModel
import Training

extension ModelCommand {
    struct Import: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a version that Python trained one of this program's own: a new, inactive version.",
            discussion: """
                Reads encoder and part numbers of a registered version as data, keeps its index byte by byte, and registers what came \
                of it. With --queries the new version must answer as the plant's program did, else nothing is registered and the \
                first difference is named; vectors are compared for the queries that have a row, or whose part --source has. \
                The new version finds parts that are alike; it has no routings.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The registered version.")
        var version: String
        @Option(
            name: .customLong("version"),
            help: ArgumentHelp("YYYY.MM.DD_build; else today's next build.", valueName: "version")
        )
        var target = "next"
        @Option(
            name: .long,
            help: ArgumentHelp("Questions and answers that the plant's program recorded.", valueName: "file")
        )
        var queries: String?
        @Option(
            name: .long,
            help: ArgumentHelp("The database with the parts of the queries, as `train` takes it.", valueName: "source")
        )
        var source: String?
        @Option(name: .long, help: "Notes for the registry.")
        var notes: String?

        func run(in home: OpenHome) async throws {
            let recorded = try queries.map { path -> RecordedQueries in
                try PlainFile.require(path, limit: 256 << 20)
                do {
                    return try RecordedQueries(try JSONReader.plain(DurableFile.read(path, limit: 256 << 20)))
                } catch let error as JSONError {
                    throw Failure(
                        "queries.unreadable",
                        "\(path) is not JSON: \(error.description)",
                        hint: "docs/legacy-models.md shows a record of queries",
                        status: ExitStatus.badData
                    )
                }
            }
            let parts = recorded == nil ? [:] : try await documents(home)
            let plan = ModelImport(version, as: target, notes: notes, programVersion: Daybook.version)
            let outcome = try await plan.run(
                home: home.folders.root,
                commands: home.handler,
                sender: try await home.sender(write),
                queries: recorded,
                parts: parts
            )
            try await home.catchUp()
            show(outcome, home)
        }

        /// The parts of a source by their numbers; none where no source is named.
        private func documents(_ home: OpenHome) async throws -> [String: JSONValue] {
            guard let source else { return [:] }
            let reader = Extractor(
                program: JobProcess.program,
                scratch: "\(home.folders.data)/scratch",
                limits: ExtractionLimits(),
                cache: try ExtractionCache(folder: "\(home.folders.data)/extracted")
            )
            let found = try await reader.run(try SourceOptions.description(source, driver: nil), .plantSchema)
            let table = found.tables["ItemMaster"]
            return try await onThread { table?.documents(by: "ITEM_CD") ?? [:] }
        }

        private func show(_ outcome: ModelImport.Outcome, _ home: OpenHome) {
            let proof =
                outcome.proof.map { "\($0.neighbours) recorded answers and \($0.vectors) vectors are equal" }
                ?? "unproved: no --queries were given"
            let warnings = outcome.warnings.map { "\nwarning: \($0)" }.joined()
            var members: [String: JSONValue] = [
                "version": .string(outcome.version), "imported_from": .string(version),
                "manifest_sha256": .string(outcome.manifestSha256), "parts": .integer(outcome.parts),
                "dimension": .integer(outcome.dimension), "warnings": .array(outcome.warnings.map { .string($0) }),
            ]
            members["proof"] = outcome.proof.map {
                ["vectors": .integer($0.vectors), "neighbours": .integer($0.neighbours)]
            }
            home.printer.show(
                "\(outcome.version) imported from \(version), inactive: \(outcome.parts) parts, vectors of \(outcome.dimension) "
                    + "numbers; \(proof)\(warnings)",
                .object(members)
            )
        }
    }
}
