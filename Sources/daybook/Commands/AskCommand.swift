import ArgumentParser
import CanonicalJSON
import CommandHandling
import DurableFiles
import Foundation
import Inference
import ModelFolders
import ModelIntake
import PlantTables
import ReadModels
import RoutingDomain
import RoutingModel

struct AskCommand: HomeCommand {
    static let configuration = CommandConfiguration(
        commandName: "ask",
        abstract: "Propose the routing of a part: operations, set-up and run minutes, and the parts that tell so.",
        discussion: """
            PART is the code of a part that the model knows, which is then no evidence for itself; or a file with attributes: \
            one JSON object, or an array of them. `{"ITEM_GRP": "SHAFT", "OUTER_DIA_MM": 25, "THREAD_YN": true}`
            """
    )
    @OptionGroup var global: GlobalOptions
    @Argument(help: "The code of a part, or a file with attributes.")
    var part: String
    @Option(
        name: .customLong("version"),
        help: ArgumentHelp("Ask this version instead of the active one.", valueName: "version")
    )
    var modelVersion: String?

    @Flag(name: .long, help: "Load the version in this process even where a worker runs.")
    var here = false

    func run(in home: OpenHome) async throws {
        let (version, proposals) = try await answer(home)
        let words = proposals.enumerated().map { row, proposal in ProposalWords(proposal, row: row).text }
        home.printer.show(
            "model \(version)\n\n\(words.joined(separator: "\n\n"))",
            ["version": .string(version), "proposals": .array(proposals)]
        )
    }

    /// What a worker of this home answers, else what this process does.
    private func answer(_ home: OpenHome) async throws -> (version: String, proposals: [JSONValue]) {
        let parts = try parts()
        if modelVersion == nil, !here, let document = try await LocalWorkers(home.folders).proposals(parts) {
            return (document["version"]?.text ?? "-", document["proposals"]?.elements ?? [])
        }
        let version = try version(home)
        let (root, commands) = (home.folders.root, home.handler)
        let settings = ServingSettings(try commands.state(for: InitialiseConfig(config: .runtime))[.runtime].effective)
        let documents = try await onThread {
            let model = try Self.model(of: RegisteredFolder(version, home: root, commands: commands))
            return try parts.map { part in
                let item = try place(of: part, in: model, version)
                let asked =
                    try item.map { model.embedded(at: $0) }
                    ?? model.embedded(AskedParts.table([part], for: model.encoder))[0]
                let proposal = try model.proposal(
                    of: asked,
                    ef: settings.efSearch,
                    neighbours: settings.neighbours,
                    gates: settings.gates,
                    expansions: settings.expansions,
                    except: item
                )
                let bytes = ProposalText.json(proposal, of: asked, item: item.map { model.items[$0] }, by: model)
                return try JSONReader.plain(bytes)
            }
        }
        return (version, documents)
    }

    /// The model of a version whose files are all as registered.
    private static func model(of folder: RegisteredFolder) throws -> TrainedModel {
        guard try folder.manifest().kind == .native else {
            throw Failure(
                "model.not_servable",
                "\(folder.event.version) was not trained here: its encoder is for Python",
                hint: "ask a version that `daybook train` made: --version",
                status: ExitStatus.configuration
            )
        }
        if let problem = folder.problems().first {
            throw Failure(
                "model.altered",
                "\(folder.event.version) is not as registered: \(problem.description)",
                hint: "`daybook model verify \(folder.event.version)` tells all; restore the folder from a backup",
                status: ExitStatus.badData
            )
        }
        return try TrainedModel.read(folder.path)
    }

    private func version(_ home: OpenHome) throws -> String {
        if let modelVersion { return modelVersion }
        let state = try home.handler.state(for: ActivateModel(version: "2000.01.01_1"))
        guard let active = state.activation.active else {
            throw Failure(
                "model.none_active",
                "no version is active",
                hint: "`daybook model activate VERSION --reason \"…\"`, or name one with --version",
                status: ExitStatus.down
            )
        }
        return active
    }

    /// What is asked for: a code as text, or objects of attributes.
    private func parts() throws -> [JSONValue] {
        guard FileManager.default.fileExists(atPath: part) else { return [.string(part)] }
        let document: JSONValue
        do { document = try JSONReader.plain(DurableFile.read(part, limit: 16 << 20)) } catch let error as JSONError {
            throw Failure(
                "part.unreadable",
                "\(part) is not JSON: \(error.description)",
                hint: "write one JSON object with attributes, or an array of them",
                status: ExitStatus.badData
            )
        }
        let parts = document.elements ?? [document]
        guard 1...AskedParts.most ~= parts.count, parts.allSatisfy({ $0.members != nil }) else {
            throw Failure(
                "part.shape",
                "\(part) holds no JSON object with attributes, and no array of 1 to \(AskedParts.most) of them",
                hint: "give each part as {\"attribute\": value}",
                status: ExitStatus.badData
            )
        }
        return parts
    }

    /// The place of a part that is asked for by its code; nil for one by its attributes.
    private func place(of part: JSONValue, in model: TrainedModel, _ version: String) throws -> Int? {
        guard let code = part.text else { return nil }
        guard let place = model.place(of: code) else {
            throw Failure(
                "part.unknown",
                "\(code.prefix(100)) is no part that \(version) knows, and no file",
                hint: "give the code of a part, or a JSON file with attributes",
                status: ExitStatus.badData
            )
        }
        return place
    }
}
