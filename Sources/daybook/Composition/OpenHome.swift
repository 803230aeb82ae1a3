import Accounts
import ArgumentParser
import Backups
import CommandHandling
import DurableFiles
import EventStore
import Foundation
import GRDB
import Logging
import Projecting
import ReadModels
import RoutingDomain

/// A home that is open for one command: its log, its people, its read models, and who acts.
final class OpenHome: Sendable {
    let folders: HomeFolders
    /// The log itself, for reading; what is appended goes through ``writing``.
    let log: LMDBEventLog
    /// The log as this program may write to it: not when a newer one has written what it does not know.
    let writing: GuardedLog
    let people: People
    let handler: CommandHandler
    let projector: Projector
    private let names: PeopleNames
    /// The person who acts; where this process works for a job, whoever asked for that.
    let actor: Person
    /// Who sends, where this process works for a job.
    private let jobSender: Sender?
    let printer: Printer

    /// The door in the envelope of what this process appends itself.
    func auth() async -> String { await LocalServer(folders).auth() }

    private init(
        _ folders: HomeFolders,
        _ log: LMDBEventLog,
        _ writing: GuardedLog,
        _ people: People,
        _ names: PeopleNames,
        _ projector: Projector,
        _ actor: Person,
        _ jobSender: Sender?,
        _ printer: Printer
    ) {
        self.folders = folders
        self.log = log
        self.writing = writing
        self.people = people
        self.names = names
        self.projector = projector
        self.actor = actor
        self.jobSender = jobSender
        self.printer = printer
        handler = CommandHandler(log: writing, clock: SystemClock())
    }

    /// Opens the home that the options name; makes the acting user known if this is their first command here.
    ///
    /// Refuses a home whose `state.db` was lost, unless `begins` says that the person may be made known anew. Carries out
    /// erasures that a crash or a restored `state.db` left undone, and finishes a redaction if nobody else is here; `alone` is
    /// the home's lock where the caller holds it alone.
    static func open(
        _ options: GlobalOptions,
        begins: Bool = false,
        alone: FileLock? = nil
    ) async throws -> OpenHome {
        let folders = options.folders
        try requireHome(folders)
        let (log, isToFinish) = try await Redactions(folders: folders).openLog(alone: alone)
        do {
            try RedactedWords(folders: folders).settle(log)
        } catch {
            say("the words of a redaction may still stand in kept copies: \(Failure(error)?.message ?? "\(error)")")
        }
        let writing = GuardedLog(log, program: ProgramIdentity(version: Daybook.version))
        let people = try People(path: folders.people, keys: folders.keys)
        let waiting = try Erasures(people: people, log: log, folders: folders).carryOut()
        if let fault = people.keyFault() {
            let words = waiting == nil ? "" : "an erasure waits for the key of the names, and "
            say("\(words)people are shown by their pseudonyms: \(fault)")
        }
        let names = PeopleNames(people, log)
        let actors = Actors(people: people, log: writing)
        let (actor, jobSender) = try await actors.acting(for: options, begins: begins) { names.name(of: $0) }
        let projector = try makeProjector(folders, writing, names, options)
        let home = OpenHome(folders, log, writing, people, names, projector, actor, jobSender, options.printer)
        if isToFinish { try await Redactions(folders: folders).finish(in: home) }
        await home.noteRestoration()
        return home
    }

    /// Throws unless there is a home that this user may open.
    static func requireHome(_ folders: HomeFolders) throws {
        guard !FileManager.default.fileExists(atPath: folders.log) else { return }
        if access(folders.data, X_OK) != 0, errno == EACCES {
            throw Failure(
                "home.not-allowed",
                "you may not open the home at \(folders.root): its data/ is another user's",
                hint: "run the command as the user who owns it",
                status: ExitStatus.notAllowed
            )
        }
        try requireNoTrace(folders)
        throw Failure(
            "no-home",
            "there is no home at \(folders.root)",
            hint:
                "`daybook init --home \(Words.shellWord(folders.root))` makes one; --home or DAYBOOK_HOME names another",
            status: ExitStatus.configuration
        )
    }

    /// Throws where tree heads say that a log stood here: a new one in its place would hide that it is gone.
    static func requireNoTrace(_ folders: HomeFolders) throws {
        guard let head = try? folders.logFolders.newestTreeHead()?.head else { return }
        throw Failure(
            "log.missing",
            "the log of the home at \(folders.root) is gone: data/log is missing, and its tree heads tell of \(head.size) events",
            hint:
                "`daybook backup restore FILE --home NEW --tree-heads \(Words.shellWord(folders.logFolders.treeHeads))` brings the newest backup back",
            status: ExitStatus.configuration
        )
    }

    private static func makeProjector(
        _ folders: HomeFolders,
        _ log: any EventLog,
        _ names: PeopleNames,
        _ options: GlobalOptions
    ) throws -> Projector {
        Projector(
            log: log,
            set: try definitions(options),
            place: RegistryPlace(data: folders.data),
            documents: try HomeDocuments(home: folders.root, names: names)
        )
    }

    /// Appends `home.restored` in a home that was made from a backup, as soon as its key is there.
    ///
    /// A failure is no concern of the command at hand: the next one tries again.
    private func noteRestoration() async {
        guard let mark = RestoreMark(data: folders.data), let source = RestoreSource(rawValue: mark.source),
            let restoredAt = Timestamp(mark.restoredAt)
        else { return }
        let event = HomeRestored(
            source: source,
            sha256: mark.sha256,
            logSize: mark.logSize,
            root: mark.root,
            restoredAt: restoredAt
        )
        let done = try? await handler.handle(
            RecordFact(event, on: "backup"),
            by: .system(),
            idempotencyKey: "home.restored \(mark.sha256) \(mark.restoredAt)"
        )
        if done != nil { try? RestoreMark.remove(data: folders.data) }
    }

    /// The projections of this program, or those that a test names.
    static func definitions(_ options: GlobalOptions) throws -> ProjectionSet {
        guard let projections = options.projections, let migrations = options.migrations else {
            return try ProjectionSet.bundled()
        }
        return try ProjectionSet.load(projections: projections, migrations: migrations)
    }

    /// Every rule that those projections break.
    static func faults(_ options: GlobalOptions) throws -> [CheckFault] {
        guard let projections = options.projections, let migrations = options.migrations else {
            return try ProjectionSet.bundledFaults()
        }
        return try ProjectionSet.check(projections: projections, migrations: migrations).faults
    }

    /// Diagnostics go to standard error, warnings and worse only: standard output is for results.
    static let diagnostics: Logger = {
        var logger = Logger(label: "daybook", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        return logger
    }()

    /// Waits for queued appends and closes the log.
    func close() async { await log.close() }

    /// The name that people see for a pseudonym: `system`, a known name, or the pseudonym's first characters.
    func name(of pseudonym: String?) -> String { pseudonym.map { names.name(of: $0) } ?? "-" }

    /// Who sends, with the envelope's other facts.
    ///
    /// Throws while the key of the names cannot be read: nobody then acts as a known person.
    func sender(_ write: WriteOptions? = nil, meaning: String? = nil) async throws -> Sender {
        if let fault = people.keyFault() { throw fault }
        if var sender = jobSender {
            sender.meaning = meaning
            return sender
        }
        return Sender(actor: actor.id, auth: await auth(), reason: write?.statedReason, meaning: meaning)
    }

    /// What an earlier arrival of the same command under the same `--key` did; nil if there was none, or no key.
    func earlier<Sent: Command>(_ asked: Sent, _ write: WriteOptions) async throws -> CommandOutcome? {
        let outcome = try handler.earlier(asked, by: try await sender(write), idempotencyKey: write.idempotencyKey)
        if let appended = outcome?.appended { await prove(appended, write.proving) }
        return outcome
    }

    /// Sends a command, then brings the read models and documents up to it.
    @discardableResult
    func send<Sent: Command>(
        _ command: Sent,
        _ write: WriteOptions? = nil,
        meaning: String? = nil,
        expecting: [String: UInt64] = [:],
        asAsked: [UInt8]? = nil
    ) async throws -> CommandOutcome {
        let outcome = try await append(command, write, meaning: meaning, expecting: expecting, asAsked: asAsked)
        // The events are on disk: whoever reported a failure now would have the command sent again.
        await follow()
        return outcome
    }

    /// Sends a command and leaves the read models as they are; a throw means that nothing was appended.
    @discardableResult
    func append<Sent: Command>(
        _ command: Sent,
        _ write: WriteOptions? = nil,
        meaning: String? = nil,
        expecting: [String: UInt64] = [:],
        asAsked: [UInt8]? = nil
    ) async throws -> CommandOutcome {
        try write?.proving.prepare()
        let sender = try await sender(write, meaning: meaning)
        let expected = try (write?.expectations() ?? [:]).merging(expecting) { operators, _ in operators }
        let outcome: CommandOutcome
        // A job's own process works for the server already.
        if jobSender == nil, let requested = command as? any RequestedCommand,
            let server = await LocalServer(folders).taking(write)
        {
            var envelope = CommandsOverHTTP.Envelope(reason: sender.reason, meaning: meaning, expecting: expected)
            envelope.idempotencyKey = write?.idempotencyKey
            envelope.actor = actor.id.text
            envelope.asAsked = asAsked
            outcome = try await server.send(requested, envelope)
        } else {
            outcome = try await handler.handle(
                command,
                by: sender,
                expecting: expected,
                idempotencyKey: write?.idempotencyKey,
                asAsked: asAsked
            )
        }
        if let appended = outcome.appended { await prove(appended, write?.proving) }
        return outcome
    }

    /// The newest signed tree head, kept for ever from now on, as somebody outside may come back with it.
    func giveOutTreeHead() async throws -> SignedTreeHead {
        let log = log
        return try await onThread { try log.giveOutTreeHead() }
    }

    /// Writes the proof of each event of a command where `--proof` asks for it, and has the result name the files.
    ///
    /// The events are on disk: a failure is told, not thrown, and `daybook proof event` makes up for it.
    func prove(_ appended: AppendResult, _ option: ProofOption?) async {
        guard let folder = option?.folder else { return }
        let (log, positions) = (log, appended.first..<appended.checkpoint)
        do {
            let head = try await giveOutTreeHead()
            printer.attachments.add(
                try await onThread {
                    try ProofFiles.write(positions, of: log, under: head, to: folder, keepsExisting: true)
                }
            )
        } catch {
            Self.say(
                "the change is made at position \(appended.first), but its proof is not written: "
                    + "\(Failure(error)?.message ?? "\(error)"); `daybook proof event \(appended.first)` writes it"
            )
        }
    }

    /// Catches up where what comes after does not depend on it: a failure is told, not thrown.
    func follow(_ words: String = "the change is made, but the read models cannot follow") async {
        do {
            try await catchUp()
        } catch {
            Self.say("\(words): \(Failure(error)?.message ?? "\(error)")")
        }
    }

    /// Brings the read models to the head of the log, and ends temporary changes whose time has come.
    ///
    /// A read model that is behind because another process projects is told on standard error, never passed over in silence.
    @discardableResult
    func catchUp() async throws -> CatchUp {
        var outcome = try await projector.catchUp()
        if let damaged = outcome.setAside {
            Self.say(
                "registry.db could not be used and was filled again from the log; the old file is kept as \(damaged)"
            )
        }
        if try await endTemporaryChanges() { outcome = try await projector.catchUp() }
        if outcome.isStale {
            let behind =
                outcome.parked.isEmpty
                ? "another process projects" : "parked: \(outcome.parked.joined(separator: ", "))"
            Self.say("stale: read models are at \(outcome.checkpoint) of \(outcome.head) (\(behind))")
        }
        return outcome
    }

    /// A line for the operator beside the result, on standard error.
    static func say(_ words: String) {
        StandardStream.error.write(Words.oneLine("daybook: \(words)") + "\n")
    }

    /// Appends the end of every temporary config change whose time has come; says whether there was one.
    ///
    /// The read model only says when to ask, and only as long as it follows; the decider looks at the log again.
    @discardableResult
    func endTemporaryChanges() async throws -> Bool {
        let now = Timestamp(microseconds: handler.clock.wall).description
        let due = try await projector.place.openReader().read { db in
            let isParked = try ProjectionStates.parked(db).contains { $0.name == "temporary_changes" }
            let rows = try TemporaryChanges.due(db, now: now)
            return isParked ? ConfigName.allCases : Set(rows.map(\.config)).compactMap { ConfigName(rawValue: $0) }
        }
        var hasEnded = false
        for config in due {
            let outcome = try await handler.handle(
                ExpireConfigChanges(config: config),
                by: .system(reason: "the time of a temporary change has come")
            )
            hasEnded = hasEnded || outcome.appended != nil
        }
        return hasEnded
    }

    /// Reads from the read models as they are now.
    func read<Value: Sendable>(_ body: @Sendable @escaping (Database) throws -> Value) async throws -> Value {
        _ = try await isBehind()
        return try await projector.place.openReader().read(body)
    }

    /// Catches up, and says whether rows lack events that no parked projection holds back; a full disk stops no reader.
    func isBehind() async throws -> Bool {
        do {
            let state = try await catchUp()
            return state.isStale && state.parked.isEmpty
        } catch let fault as ProjectingFault where fault.code == .inputOutput {
            Self.say("stale: the read models cannot be written and are shown as they are: \(fault.message)")
        } catch let error as EventStoreError where error.code != .damaged {
            Self.say("a temporary change whose time has come cannot be ended: \(error.message)")
        }
        return true
    }

    /// Reads from the read models as they were before a checkpoint; nil means now.
    func read<Value: Sendable>(
        asOf checkpoint: Position?,
        _ body: @Sendable @escaping (Database) throws -> Value
    ) async throws -> Value {
        guard let checkpoint else { return try await read(body) }
        try await catchUp()
        let past = try await projector.readModels(asOf: checkpoint)
        return try await past.reader.read(body)
    }

    /// What differs between two moments over every read model.
    func difference(from old: Position, to new: Position) async throws -> ReadModelDiff {
        let (first, second) = (
            try await projector.readModels(asOf: old), try await projector.readModels(asOf: new)
        )
        return try await onThread {
            try first.reader.read { before in
                try second.reader.read { after in
                    try ReadModelDiff.between(
                        ReadModels.Moment(db: before, checkpoint: Int(old)),
                        ReadModels.Moment(db: after, checkpoint: Int(new))
                    )
                }
            }
        }
    }

    /// Reads moments as the operator names them.
    func moments() throws -> MomentReader { try MomentReader(handler) }

    /// The checkpoint of a moment that may be left out.
    func checkpoint(_ text: String?) throws -> Position? { try text.map { try moments().checkpoint($0) } }
}
