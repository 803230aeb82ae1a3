import ArgumentParser
import CanonicalJSON
import DurableFiles
import Extraction
import Foundation

/// A plant's database, before anything is made of it.
struct SourceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "source",
        abstract: "Look at a plant's database: what would be read, and what stands in the way.",
        subcommands: [SourceCheckCommand.self, SourceProfileCommand.self]
    )
}

/// Which database, and by which mapping.
struct SourceOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "An Access or SQLite file, a .csv file or a folder of them, or postgresql://user@host:port/database.",
            discussion: "A server's password is taken from DAYBOOK_SOURCE_PASSWORD, else from ~/.pgpass.",
            valueName: "source"
        )
    )
    var source: String

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A mapping of your own, as `source profile` prints one (else the plant schema).",
            valueName: "file"
        )
    )
    var profile: String?

    @Option(
        name: .long,
        help: ArgumentHelp("The driver's library, where it is not the one of the system's package.", valueName: "file")
    )
    var driver: String?

    /// The variable of the environment in which a server's password stands.
    static let passwordVariable = "DAYBOOK_SOURCE_PASSWORD"

    /// The source that is meant; its first bytes are read.
    func description() throws -> SourceDescription {
        try Self.description(source, driver: driver)
    }

    /// The mapping that is meant.
    func mapping() throws -> SourceProfile { try Self.mapping(in: profile) }

    /// The mapping in a file; that of the plant schema without one.
    static func mapping(in path: String?) throws -> SourceProfile {
        guard let path else { return .plantSchema }
        try PlainFile.require(path, limit: 16 << 20)
        return try SourceProfile(JSONReader.plain(DurableFile.read(path, limit: 16 << 20)))
    }

    /// A source by its words.
    ///
    /// A file is meant from the current folder on; the password is taken from the environment.
    static func description(_ words: String, driver: String?) throws -> SourceDescription {
        let password = ProcessInfo.processInfo.environment[passwordVariable]
        let isFile = !words.contains("://")
        let path = isFile ? URL(filePath: words).standardizedFileURL.path(percentEncoded: false) : words
        return try SourceDescription(words: path, password: password, driverLibrary: driver)
    }
}

/// Looks at everything between this program and a source's rows, each with its fix.
struct SourceCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract:
            "Check driver, path, permission, protection, header, tables, columns and rows; each finding with its fix."
    )
    @OptionGroup var global: GlobalOptions
    @OptionGroup var options: SourceOptions

    func run() async throws {
        let source = try options.description()
        let scratch = FileManager.default.temporaryDirectory.path(percentEncoded: false)
        let extraction = Extractor(program: JobProcess.program, scratch: scratch)
        let check = try await SourceCheck.run(source, options.mapping(), by: extraction)
        let rows = check.findings.map { finding in
            [Self.word(finding.state), finding.subject, finding.found, finding.fix]
        }
        global.printer.show(
            TextTable(header: ["", "WHAT", "FOUND", "FIX"], rows: rows, empty: "").text,
            check.json
        )
        if !check.isGood { throw ExitCode(ExitStatus.badData) }
    }

    private static func word(_ state: SourceCheck.Finding.State) -> String {
        switch state {
        case .good: "ok"
        case .note: "note"
        case .bad: "CHECK"
        }
    }
}

/// Prints a mapping, to begin one's own with.
struct SourceProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile",
        abstract: "Print the mapping for the plant schema as JSON, to begin one of your own with."
    )
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let profile = SourceProfile.plantSchema
        global.printer.show(profile.json.prettyText, profile.json)
    }
}
