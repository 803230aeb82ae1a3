import Accounts
import CommandHandling
import EventStore
import Foundation
import RoutingDomain

/// Finds or makes the person who acts.
struct Actors {
    let people: People
    let log: any EventLog

    /// Who acts in a process: whoever asked for the job that it works for, with the sender of its events, else a person of this machine.
    func acting(
        for options: GlobalOptions,
        begins: Bool,
        name: (String) -> String
    ) async throws -> (Person, Sender?) {
        guard let job = options.job else { return (try await acting(named: options.actor, begins: begins), nil) }
        let sender = try JobSender(job: job, log: log).sender()
        return (Person(id: sender.actor, name: name(sender.actor.text), uid: nil), sender)
    }

    /// The person named by `--as`, else by DAYBOOK_ACTOR, else the one of the operating-system user.
    ///
    /// An empty or unknown name is refused. The user's own person is made at the first command, under the account's name;
    /// but where nobody is known to a log that has events, `state.db` was lost, and a second pseudonym for the same person
    /// could grant what the first one asked for: only `init` may begin anew.
    func acting(named name: String?, begins: Bool = false) async throws -> Person {
        let head = try log.head().size
        guard try begins || head <= 1 || people.count() > 0 else {
            throw Failure(
                "people.lost",
                "data/state.db knows nobody, but the log has \(head) events: the names behind its pseudonyms are lost",
                hint: """
                    restore data/state.db from a backup; without one, `daybook init` makes you known under a new pseudonym; \
                    `daybook verify --log-only` checks the log without names
                    """,
                status: ExitStatus.configuration
            )
        }
        if let person = try known(named: name) { return person }
        let uid = getuid()
        let account = getpwuid(uid).map { String(cString: $0.pointee.pw_name) } ?? "uid-\(uid)"
        let isFree = try account.lowercased() != "system" && people.person(named: account) == nil
        let name = isFree ? account : "\(account)-\(uid)"
        do {
            return try await add(name: name, uid: uid, origin: .localUser, by: .system(reason: nil)).person
        } catch {
            guard (error as? PeopleFault)?.code == .nameTaken else { throw error }
            // Another first command of the same user was faster.
            if let person = try people.person(uid: uid) { return person }
            guard isFree else { throw error }
            throw Failure(
                "people.damaged",
                "data/state.db contradicts itself: it has the name \(name), and nobody is found under it",
                hint: "keep a copy of data/state.db, and restore it from a backup; nothing was changed",
                status: ExitStatus.badData
            )
        }
    }

    /// The person named by `--as`, else by DAYBOOK_ACTOR, else the one of the operating-system user, if that one is known.
    ///
    /// An empty or unknown name is refused; nobody is made known.
    func known(named name: String?) throws -> Person? {
        guard let name = name ?? ProcessInfo.processInfo.environment["DAYBOOK_ACTOR"] else {
            return try people.person(uid: getuid())
        }
        guard let person = try people.person(named: name) else {
            throw Failure(
                "actor.unknown",
                name.isEmpty ? "the command has no actor: the name is empty" : "nobody is known as \(name.prefix(100))",
                hint: "`daybook person list` shows who is known, `daybook person add NAME` makes a person known",
                status: ExitStatus.notAllowed
            )
        }
        return person
    }

    /// Makes a person known: the name in `state.db` first (an orphan there is inert), then the event.
    func add(
        name: String,
        uid: UInt32? = nil,
        origin: PersonOrigin,
        by sender: Sender
    ) async throws -> (person: Person, appended: AppendResult?) {
        let now = SystemClock().wall
        let person = try people.add(id: UUID(), name: name, uid: uid, at: Timestamp(microseconds: now).description)
        let outcome = try await CommandHandler(log: log, clock: SystemClock()).handle(
            AddPerson(subject: person.id.text, origin: origin),
            by: sender
        )
        return (person, outcome.appended)
    }
}

/// Who sends what a job's process appends: whoever asked for the job, for the reason given there, in the same chain.
struct JobSender {
    let job: String
    let log: any EventLog

    /// The sender; refuses a job that nobody asked for, and one that has ended.
    func sender() throws -> Sender {
        guard UUID(uuidString: job)?.text == job, let request = try log.events(in: .domain(JobState.stream(job))).first,
            try CommandHandler(log: log, clock: SystemClock()).state(for: StartJob(job: job)).status == .running
        else {
            throw Failure(
                "job.not-running",
                "\(job.prefix(40)) is no job that runs",
                hint: "the server starts the processes of jobs",
                status: ExitStatus.notAllowed
            )
        }
        let metadata = try request.metadata()
        let way = metadata.auth.split(separator: "/").first.map(String.init) ?? "session"
        return Sender(
            actor: request.actor,
            auth: "\(way)/job",
            reason: metadata.reason,
            requestID: metadata.requestID,
            correlation: metadata.correlation ?? request.commandID
        )
    }
}
