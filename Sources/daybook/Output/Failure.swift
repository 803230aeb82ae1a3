import Accounts
import ArgumentParser
import Backups
import CanonicalJSON
import DurableFiles
import EventStore
import Exporting
import Extraction
import Foundation
import ModelFolders
import Projecting
import Proofs
import RoutingDomain
import RoutingModel
import Training

/// The exit codes of the program, from sysexits(3).
enum ExitStatus {
    static let usage: Int32 = 64
    static let badData: Int32 = 65
    static let down: Int32 = 69
    static let cannotCreate: Int32 = 73
    static let tryAgain: Int32 = 75
    static let notAllowed: Int32 = 77
    static let configuration: Int32 = 78
}

/// Any error as the operator meets it: one line of what, where and a hint on standard error, and an exit code.
struct Failure: Error {
    /// Stable identifier for programs.
    var code: String
    var message: String
    var hint: String
    var status: Int32
    /// Further facts for programs: field, limit, actual, position.
    var facts: [String: JSONValue] = [:]

    /// Prints an error and ends the process; help and version requests are printed as such.
    static func report(_ error: any Error, asJSON: Bool) -> Never {
        if error is CancellationError { exit(130) }
        if let code = error as? ExitCode { exit(code.rawValue) }
        guard let failure = Failure(error) else { Daybook.exit(withError: error) }
        StandardStream.error.write(asJSON ? failure.problem : failure.line)
        exit(failure.status)
    }

    /// One line; a message that holds line breaks is folded.
    var line: String {
        let text = "daybook: \(message)\(hint.isEmpty ? "" : " (\(hint))")"
        return Words.oneLine(text) + "\n"
    }

    /// `application/problem+json`.
    var problem: String {
        var members = facts
        members["type"] = .string("urn:daybook:\(code)")
        members["title"] = .string(message)
        members["hint"] = .string(hint)
        members["exit_code"] = .integer(Int(status))
        return JSONValue.object(members).prettyText + "\n"
    }

    init(_ code: String, _ message: String, hint: String, status: Int32) {
        self.code = code
        self.message = message
        self.hint = hint
        self.status = status
    }

    /// nil for what the argument parser itself wants to print: help, version, completion scripts.
    init?(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let rejection as Rejection: self.init(rejection)
        case let error as EventStoreError: self.init(error)
        case let fault as ModelFolderFault:
            self.init(fault.code.rawValue, fault.message, hint: fault.hint, status: Self.status(of: fault.code))
        case let fault as ProjectingFault:
            self.init(fault.code.description, fault.message, hint: fault.hint, status: Self.status(of: fault.code))
        case let fault as RoutingModelFault:
            let status: Int32 =
                switch fault.code {
                case .unusableData, .damaged, .badQuery, .unproved: ExitStatus.badData
                case .cancelled, .inputOutput: ExitStatus.tryAgain
                case .unsupported: ExitStatus.down
                }
            self.init("model.\(fault.code.rawValue)", fault.message, hint: fault.hint, status: status)
        case let busy as TrainingBusy:
            self.init("training.busy", busy.message, hint: busy.hint, status: ExitStatus.tryAgain)
        case let fault as BackupFault:
            self.init(fault.code.rawValue, fault.message, hint: fault.hint, status: Self.status(of: fault.code))
        case let fault as TarFault:
            self.init("archive", fault.description, hint: "nothing was changed", status: ExitStatus.badData)
        case let fault as ExportFault:
            self.init(fault.code.description, fault.message, hint: fault.hint, status: Self.status(of: fault.code))
        case let fault as ProofFault: self.init(fault)
        case let fault as ExtractionFault: self.init(fault)
        case let fault as PeopleFault:
            self.init(
                "person-\(fault.code.rawValue)",
                fault.message,
                hint: fault.hint,
                status: Self.status(of: fault.code)
            )
        case let fault as FileFault:
            let status: Int32 =
                switch fault.errorNumber {
                case EACCES, EPERM: ExitStatus.notAllowed
                case ENOENT, ENOTDIR, EISDIR, ENAMETOOLONG, EEXIST, ENOTEMPTY: ExitStatus.cannotCreate
                default: ExitStatus.tryAgain
                }
            self.init("file", fault.description, hint: fault.hint, status: status)
        case let error as PayloadError:
            self.init("payload", error.description, hint: "see docs/reference/events.md", status: ExitStatus.badData)
        case let error as JSONError:
            self.init("json", error.description, hint: "check the JSON text", status: ExitStatus.badData)
        default:
            let status = Daybook.exitCode(for: error)
            if status == .success || status.rawValue == 0 { return nil }
            guard Self.isUsage(error) else {
                self.init(
                    "fault",
                    "\(error)",
                    hint: "this is unexpected; please report it",
                    status: ExitStatus.tryAgain
                )
                return
            }
            let words = Daybook.message(for: error)
            self.init("usage", words, hint: "`daybook --help` shows the commands", status: ExitStatus.usage)
        }
    }

    private static func isUsage(_ error: any Error) -> Bool {
        error is ValidationError || String(describing: type(of: error)) == "CommandError"
    }

    private init(_ rejection: Rejection) {
        let status: Int32 =
            switch rejection.kind {
            case .invalid, .notFound: ExitStatus.badData
            case .conflict where rejection.rule.hasSuffix(".duplicate"): ExitStatus.cannotCreate
            case .conflict where rejection.rule == "version.expected": ExitStatus.tryAgain
            case .conflict: ExitStatus.badData
            case .notAllowed: ExitStatus.notAllowed
            case .tryAgain: ExitStatus.tryAgain
            }
        self.init(rejection.rule, rejection.message, hint: rejection.hint, status: status)
        facts["field"] = rejection.field.map { .string($0) }
        facts["limit"] = rejection.limit.map { .string($0) }
        facts["actual"] = rejection.actual.map { .string($0) }
    }

    private init(_ error: EventStoreError) {
        let status: Int32 =
            switch error.code {
            case .invalidRequest, .idempotencyConflict, .damaged, .rolledBack: ExitStatus.badData
            case .missing, .unsuitablePlace, .unknownFormat, .keyUnavailable: ExitStatus.configuration
            case .exists: ExitStatus.cannotCreate
            default: ExitStatus.tryAgain
            }
        self.init(error.code.description, error.message, hint: error.hint, status: status)
        facts["position"] = error.position.map { .integer(Int($0)) }
        facts["stream"] = error.stream.map { .string($0.text) }
        facts["current_version"] = error.currentVersion.map { .integer(Int($0)) }
    }

    private init(_ fault: ProofFault) {
        let status: Int32 =
            switch fault.code {
            case .busy: ExitStatus.tryAgain
            case .exists: ExitStatus.cannotCreate
            default: ExitStatus.badData
            }
        self.init("proof.\(fault.code)", fault.message, hint: fault.hint, status: status)
        facts["position"] = fault.position.map { .position($0) }
        if !fault.evidence.isEmpty { facts["evidence"] = .array(fault.evidence.map { .string($0) }) }
    }

    private init(_ fault: ExtractionFault) {
        let status: Int32 =
            switch fault.code {
            case .notAllowed: ExitStatus.notAllowed
            case .locked, .changed, .timedOut, .broken, .inputOutput: ExitStatus.tryAgain
            case .driverMissing, .driverUnfit: ExitStatus.configuration
            case .cannotConnect: ExitStatus.down
            case .badDescription: ExitStatus.usage
            default: ExitStatus.badData
            }
        self.init("extraction.\(fault.code.rawValue)", fault.message, hint: fault.hint, status: status)
        for name in ["driver", "file", "table", "column", "stderr_tail"] { facts[name] = fault.json[name] }
    }

    private static func status(of code: ModelFolderFault.Code) -> Int32 {
        switch code {
        case .stillBeingWritten, .changedWhileReading, .busy, .system: ExitStatus.tryAgain
        case .folderTaken: ExitStatus.cannotCreate
        case .unreadable: ExitStatus.notAllowed
        default: ExitStatus.badData
        }
    }

    private static func status(of code: ProjectingFault.Code) -> Int32 {
        switch code {
        case .projectionRefused, .schemaTooNew, .missing: ExitStatus.configuration
        case .unknownName, .notParked, .damaged: ExitStatus.badData
        default: ExitStatus.tryAgain
        }
    }

    private static func status(of code: BackupFault.Code) -> Int32 {
        switch code {
        case .damaged, .foreign, .newer: ExitStatus.badData
        case .exists: ExitStatus.cannotCreate
        case .busy: ExitStatus.tryAgain
        case .passphrase: ExitStatus.notAllowed
        }
    }

    private static func status(of code: ExportFault.Code) -> Int32 {
        switch code {
        case .exists: ExitStatus.cannotCreate
        case .programMissing: ExitStatus.configuration
        case .tooManyRows: ExitStatus.badData
        default: ExitStatus.tryAgain
        }
    }

    private static func status(of code: PeopleFault.Code) -> Int32 {
        switch code {
        case .unknown: ExitStatus.notAllowed
        case .nameTaken: ExitStatus.cannotCreate
        case .nameSyntax: ExitStatus.badData
        case .storage, .sealed: ExitStatus.configuration
        case .unwritable: ExitStatus.tryAgain
        }
    }
}

extension Failure: CustomStringConvertible {
    /// The line without the program's name.
    var description: String { Words.oneLine("\(message)\(hint.isEmpty ? "" : " (\(hint))")") }
}
