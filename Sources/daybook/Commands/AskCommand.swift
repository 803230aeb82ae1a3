import ArgumentParser
import CanonicalJSON
import CommandHandling
import DurableFiles
import Foundation
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

    func run(in home: OpenHome) async throws {
        let version = try version(home)
        let (root, commands) = (home.folders.root, home.handler)
        let model = try await onThread {
            try Self.model(of: RegisteredFolder(version, home: root, commands: commands))
        }
        let settings = try home.handler.state(for: InitialiseConfig(config: .runtime))[.runtime].effective
        let (asked, except) = try asked(model)
        let proposals = try await onThread {
            try model.proposals(
                for: asked,
                ef: settings["ef_search"]?.number ?? 128,
                neighbours: settings["top_k"]?.number,
                gates: Self.gates(settings),
                expansions: settings["group_expansions"]?.number ?? 5,
                except: except
            )
        }
        let words = proposals.enumerated().map { row, proposal in
            ProposalWords(model, asked, row: row, proposal).text
        }
        let documents = proposals.enumerated().map { row, proposal in
            ProposalWords(model, asked, row: row, proposal).json
        }
        home.printer.show(
            "model \(version)\n\n\(words.joined(separator: "\n\n"))",
            ["version": .string(version), "proposals": .array(documents)]
        )
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

    private func asked(_ model: TrainedModel) throws -> (PlantTable, [Int?]) {
        if let place = model.place(of: part) { return (model.parts.rows([place]), [place]) }
        guard FileManager.default.fileExists(atPath: part) else {
            throw Failure(
                "part.unknown",
                "\(part.prefix(100)) is no part that the model knows, and no file",
                hint: "give the code of a part, or a JSON file with attributes",
                status: ExitStatus.badData
            )
        }
        let document: JSONValue
        do { document = try JSONReader.plain(DurableFile.read(part, limit: 16 << 20)) } catch let error as JSONError {
            throw Failure(
                "part.unreadable",
                "\(part) is not JSON: \(error.description)",
                hint: "write one JSON object with attributes, or an array of them",
                status: ExitStatus.badData
            )
        }
        return (try AskedParts.table(document.elements ?? [document], for: model.encoder), [])
    }

    static func gates(_ settings: [String: JSONValue]) -> ConfidenceGates {
        func share(_ name: String, _ standard: Double) -> Double {
            settings[name]?.text.flatMap { Double($0) } ?? standard
        }
        return ConfidenceGates(
            accept: share("confidence_gates.accept", 0.8),
            review: share("confidence_gates.review", 0.5)
        )
    }
}
