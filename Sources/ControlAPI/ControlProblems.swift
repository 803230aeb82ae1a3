internal import Accounts
internal import CanonicalJSON
internal import DurableFiles
internal import EventStore
internal import Foundation
internal import Glibc
internal import ModelFolders
internal import Projecting
internal import Proofs
internal import RoutingDomain
package import Serving
internal import SignIn

/// The problems of the domain, and how the errors of other modules become such.
package enum ControlProblems {
    /// What the service's own catalogue is extended by.
    package static let kinds: [ProblemKind] = [
        invalid, unknown, conflict, notAllowed, precondition, preconditionMissing, login, throttled, password, storage,
        damaged, gone, full, altered, range, queueFull, feedFull, feedCaller, notReady,
        gate, noWorker,
    ]

    static let invalid = ProblemKind(
        "rejected.invalid",
        422,
        "The request breaks a rule",
        hint: "`rule`, `field` and `limit` say which"
    )
    static let unknown = ProblemKind(
        "rejected.unknown",
        404,
        "The thing named is not there",
        hint: "look at the list of them"
    )
    static let conflict = ProblemKind(
        "rejected.conflict",
        409,
        "The state does not allow it",
        hint: "read the state again, then decide anew"
    )
    static let notAllowed = ProblemKind(
        "rejected.not-allowed",
        403,
        "This person may not do it",
        hint: "ask another person"
    )
    static let precondition = ProblemKind(
        "precondition.stale",
        412,
        "It was changed in between",
        hint: "read it again, and send its new ETag in If-Match"
    )
    static let preconditionMissing = ProblemKind(
        "precondition.missing",
        428,
        "The request must say which state it changes",
        hint: "send the ETag of your last GET in If-Match, or If-Match: * for whatever it is now"
    )
    static let login = ProblemKind("auth.login", 401, "The log-in failed", hint: "type address and password again")
    static let throttled = ProblemKind(
        "auth.throttled",
        429,
        "Too many guesses",
        hint: "try again after the time in Retry-After"
    )
    static let password = ProblemKind(
        "auth.password",
        403,
        "The password is asked again, and was missing or wrong",
        hint: "send the password of the person who signs"
    )
    static let storage = ProblemKind(
        "storage",
        503,
        "The disk or the log cannot take it now",
        hint: "nothing was changed; see `daybook doctor`, then try again"
    )
    static let full = ProblemKind(
        "storage.full",
        507,
        "The disk has no room for it",
        hint: "free space on the home's disk; what was stored before is untouched"
    )
    static let altered = ProblemKind(
        "model.altered",
        409,
        "A model's files are not as they were registered",
        hint: "restore the folder from a backup; a changed model is a new version"
    )
    static let gate = ProblemKind(
        "model.gate",
        422,
        "The version did not pass a gate",
        hint: "`gates` tells every measure and its limit; train anew, or have somebody who may approve override it"
    )
    static let noWorker = ProblemKind(
        "inference.unavailable",
        503,
        "No inference worker answers",
        hint: "start `daybook infer`; /health says which workers are known"
    )
    static let range = ProblemKind(
        "range",
        416,
        "The range lies outside the file",
        hint: "Content-Range says how large it is"
    )
    static let damaged = ProblemKind(
        "damaged",
        500,
        "Something that is stored is damaged",
        hint: "stop writing and run `daybook verify`"
    )
    static let gone = ProblemKind("gone", 410, "It was there and is no longer", hint: "start again")

    static let notReady = ProblemKind(
        "health.not-ready",
        503,
        "The service cannot answer now",
        hint: "try again after the time in Retry-After; /health says more to whoever may read"
    )
    static let queueFull = ProblemKind(
        "jobs.full",
        503,
        "As many jobs wait as may",
        hint: "try again after the time in Retry-After, or call one off"
    )

    static let feedFull = ProblemKind(
        "feed.full",
        503,
        "As many streams of events run as may",
        hint: "try again after the time in Retry-After; `feed.streams` is the limit"
    )
    static let feedCaller = ProblemKind(
        "feed.caller",
        429,
        "As many streams of events run for this caller as may",
        hint: "share one stream, or raise feed.streams-per-caller"
    )

    /// The problem of an error of the domain, or one of the service itself.
    package static func problem(of error: any Error) -> Problem {
        translate(error)
            ?? Problem(ProblemCatalogue.internalFault, "The service met a fault that it did not expect.", cause: error)
    }

    /// The problem of an error that is known here; nil for any other.
    package static func translate(_ error: any Error) -> Problem? {
        switch error {
        case let problem as Problem: problem
        case let rejection as Rejection: of(rejection)
        case let error as EventStoreError: of(error)
        case let fault as AccountFault: of(fault)
        case let fault as PeopleFault: of(fault)
        case let fault as ProjectingFault: of(fault)
        case is TokenRefusal: Problem(ProblemCatalogue.unauthenticated, "The session or key is not accepted.")
        case let fault as ProofFault: Problem(invalid, sentence(fault.message), hint: fault.hint)
        case let error as PayloadError: Problem(invalid, sentence(error.description))
        case let fault as ModelFolderFault: of(fault)
        case let fault as FileFault: of(fault)
        default: nil
        }
    }

    private static func of(_ rejection: Rejection) -> Problem {
        let kind: ProblemKind =
            switch rejection.kind {
            case .conflict where rejection.rule == "version.expected": precondition
            case .invalid where rejection.rule == "model.gate": gate
            case .invalid: invalid
            case .notFound: unknown
            case .conflict: conflict
            case .notAllowed: notAllowed
            case .tryAgain: ProblemCatalogue.busy
            }
        var facts: [String: JSONValue] = ["rule": .string(rejection.rule)]
        facts["field"] = rejection.field.map { .string($0) }
        facts["limit"] = rejection.limit.map { .string($0) }
        facts["actual"] = rejection.actual.map { .string($0) }
        return Problem(
            kind,
            sentence(rejection.message),
            facts: facts,
            headers: rejection.kind == .tryAgain ? ["Retry-After": "1"] : [:],
            hint: rejection.hint
        )
    }

    private static func of(_ error: EventStoreError) -> Problem {
        var facts: [String: JSONValue] = ["rule": .string(error.code.description)]
        facts["position"] = error.position.map { .integer(Int($0)) }
        switch error.code {
        case .invalidRequest: return Problem(invalid, sentence(error.message), facts: facts, hint: error.hint)
        case .idempotencyConflict: return Problem(conflict, sentence(error.message), facts: facts, hint: error.hint)
        case .damaged, .rolledBack:
            return Problem(damaged, sentence(error.message), facts: facts, hint: error.hint, cause: error)
        default:
            return Problem(
                storage,
                sentence(error.message),
                facts: facts,
                headers: ["Retry-After": "5"],
                hint: error.hint,
                cause: error
            )
        }
    }

    private static func of(_ fault: AccountFault) -> Problem {
        let wait = fault.retryAfter.map { ["Retry-After": "\($0)"] } ?? [:]
        let kind: ProblemKind =
            switch fault.code {
            case .wrong, .codeUnknown: login
            case .throttled: throttled
            case .busy: ProblemCatalogue.busy
            case .passwordRule, .addressSyntax: invalid
            case .damaged: damaged
            }
        let cause: AccountFault? = fault.code == .damaged ? fault : nil
        return Problem(
            kind,
            sentence(fault.message),
            facts: ["rule": .string(fault.code.rawValue)],
            headers: wait,
            hint: fault.hint,
            cause: cause
        )
    }

    private static func of(_ fault: PeopleFault) -> Problem {
        let kind: ProblemKind =
            switch fault.code {
            case .nameTaken: conflict
            case .nameSyntax: invalid
            default: storage
            }
        return Problem(
            kind,
            sentence(fault.message),
            facts: ["rule": .string("person-\(fault.code.rawValue)")],
            hint: fault.hint,
            cause: kind == storage ? fault : nil
        )
    }

    private static func of(_ fault: ProjectingFault) -> Problem {
        switch fault.code {
        case .unknownName, .notParked: Problem(unknown, sentence(fault.message), hint: fault.hint)
        case .stale:
            Problem(ProblemCatalogue.busy, sentence(fault.message), headers: ["Retry-After": "1"], hint: fault.hint)
        case .damaged: Problem(damaged, sentence(fault.message), hint: fault.hint, cause: fault)
        default:
            Problem(storage, sentence(fault.message), headers: ["Retry-After": "5"], hint: fault.hint, cause: fault)
        }
    }

    private static func of(_ fault: FileFault) -> Problem {
        guard [ENOSPC, EDQUOT].contains(fault.errorNumber) else {
            return Problem(storage, "A file of the home cannot be used now.", hint: fault.hint, cause: fault)
        }
        return Problem(full, "The disk of the home is full, or nearly so.", hint: fault.hint, cause: fault)
    }

    private static func of(_ fault: ModelFolderFault) -> Problem {
        if let cause = fault.cause as? FileFault, fault.code == .system { return of(cause) }
        let kind: ProblemKind =
            switch fault.code {
            case .badName, .linked, .notAFile, .tooLarge, .incomplete, .badMetadata, .badIndex: invalid
            case .stillBeingWritten, .folderTaken: conflict
            case .busy: ProblemCatalogue.busy
            case .changedWhileReading, .badManifest, .notAFolder: altered
            case .unreadable, .system: storage
            }
        return Problem(
            kind,
            sentence(withoutFolders(fault.message)),
            facts: ["rule": .string("model.\(fault.code.rawValue)")],
            headers: fault.code == .busy ? ["Retry-After": "5"] : [:],
            hint: withoutFolders(fault.hint),
            cause: kind == storage ? fault : nil
        )
    }

    /// Where the home lies on its machine is nothing for callers.
    private static func withoutFolders(_ text: String) -> String {
        text.split(separator: " ", omittingEmptySubsequences: false).map { word in
            guard word.hasPrefix("/"), let part = ["/staging/", "/models/"].compactMap({ word.range(of: $0) }).first
            else { return String(word) }
            return String(word[part.upperBound...])
        }.joined(separator: " ")
    }

    /// A message of ours as a sentence: final stop, and a large first letter unless it begins with a name.
    static func sentence(_ message: String) -> String {
        let first = message.prefix { $0 != " " }
        guard first.allSatisfy({ $0.isLetter && $0.isLowercase }) else { return "\(message)." }
        return message.prefix(1).uppercased() + message.dropFirst() + "."
    }
}
