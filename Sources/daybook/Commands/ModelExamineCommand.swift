import ArgumentParser
import CanonicalJSON
import EventStore
import LegacyArtefacts
import ModelIntake
import RoutingModel

extension ModelCommand {
    struct Examine: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether a version can be asked here, and if not, why.",
            discussion: """
                native: trained here. imported: a Python plant's files that are read in full and fit each other. python-only: \
                something that only Python can compute, which is named. Nothing of a folder is ever run (docs/legacy-models.md).
                """
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The version.")
        var version: String

        func run(in home: OpenHome) async throws {
            let (root, commands, version) = (home.folders.root, home.handler, version)
            let found = try await onThread {
                LegacyModel.examine(
                    try RegisteredFolder(version, home: root, commands: commands).path,
                    nativeEncoder: ModelFiles.encoder
                )
            }
            home.printer.show(
                "\(version): \(found.kind.rawValue), \(found.reason)",
                [
                    "version": .string(version), "servable": .string(found.kind.rawValue),
                    "reason": .string(found.reason),
                ]
            )
        }
    }
}
