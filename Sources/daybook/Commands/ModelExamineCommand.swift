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
                something that only Python can compute, which is named. Nothing of a folder is ever run (docs/legacy-models.md). What differs between \
                the software that made it and this program is a warning, or a refusal where the difference is too great.
                """
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The version.")
        var version: String

        func run(in home: OpenHome) async throws {
            let (root, commands, version) = (home.folders.root, home.handler, version)
            let found = try await onThread {
                let path = try RegisteredFolder(version, home: root, commands: commands).path
                let found = LegacyModel.examine(path, nativeEncoder: ModelFiles.encoder)
                return (kind: found.kind, reason: found.reason, verdict: LoaderRule.verdict(onFolder: path))
            }
            var warnings: [String] = []
            var refusal: String?
            switch found.verdict {
            case .load: break
            case .warn(let words): warnings = words
            case .refuse(let why): refusal = why
            }
            let drift = warnings.map { "\nwarning: \($0)" }.joined() + (refusal.map { "\nnot loaded: \($0)" } ?? "")
            var members: [String: JSONValue] = [
                "version": .string(version), "servable": .string(found.kind.rawValue), "reason": .string(found.reason),
                "loads": .bool(refusal == nil && found.kind != .pythonOnly),
                "warnings": .array(warnings.map { .string($0) }),
            ]
            members["refusal"] = refusal.map { .string($0) }
            home.printer.show("\(version): \(found.kind.rawValue), \(found.reason)\(drift)", .object(members))
        }
    }
}
