import ArgumentParser
import CanonicalJSON
import Foundation

/// Checks everything there is against the log, in a process of its own.
///
/// The log is read through memory, so that a damaged file can end whoever reads it: this process only listens to one that
/// reads (``VerifyWork``), and says what became of it.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Check the log, then read models, model files and evidence against it; exit code 65 names what is bad."
    )
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Only the log itself: records, hashes, tiles, indexes, tree heads.")
    var logOnly = false
    @Flag(name: .long, help: "Check every tree head, not only the newest, those at a change of keys and one a day.")
    var allHeads = false
    @Flag(
        name: .long,
        help: "After the log was verified, go on from a log that lost events, under a new name and key."
    )
    var acceptRollback = false
    @Option(name: .long, help: ArgumentHelp("Why the loss is accepted; stays in the audit trail.", valueName: "words"))
    var reason: String?
    @Flag(name: .long, help: .hidden)
    var inChild = false
    @Option(name: .long, help: .hidden)
    var stallSeconds = 300

    func validate() throws {
        guard acceptRollback || reason == nil else { throw ValidationError("--reason belongs to --accept-rollback") }
        guard !acceptRollback || reason?.contains(where: { !$0.isWhitespace }) == true else {
            throw ValidationError("--accept-rollback needs --reason: it stays in the audit trail")
        }
        guard stallSeconds > 0 else { throw ValidationError("--stall-seconds is above 0") }
    }

    func run() async throws {
        if inChild { return await VerifyWork(command: self).run() }
        // A home that is not there needs no process to say so.
        try OpenHome.requireHome(global.folders)
        let words = words
        let stall = stallSeconds
        let report = try await onThread { try VerifyProcess(words: words, stallSeconds: stall).run() }
        global.printer.show(report.text, report.facts)
        if report.status != 0 { throw ExitCode(report.status) }
    }

    /// What the child is started with.
    private var words: [String] {
        var words = ["verify", "--in-child", "--home", global.folders.root]
        if logOnly { words.append("--log-only") }
        if allHeads { words.append("--all-heads") }
        if acceptRollback { words += ["--accept-rollback", "--reason", reason ?? ""] }
        for (name, value) in [
            ("--as", global.actor), ("--projections", global.projections), ("--migrations", global.migrations),
            ("--job", global.job),
        ] {
            if let value { words += [name, value] }
        }
        return words
    }
}

/// What a verification found, as it crosses from the process that reads to the one that tells.
struct VerifyReport: Sendable {
    var text: String
    var facts: JSONValue
    /// 0, or 75 where something could not be compared now.
    var status: Int32 = 0
}

/// One line from the process that reads.
enum VerifyMessage: Sendable {
    /// Everything before this position of so many is sound.
    case sound(Int, of: Int)
    /// What is looked at from now on, for people.
    case phase(String)
    case report(VerifyReport)
    case failure(Failure)

    /// The message as one line of canonical JSON.
    var line: String {
        let value: JSONValue =
            switch self {
            case .sound(let position, let size): ["sound": .integer(position), "size": .integer(size)]
            case .phase(let words): ["phase": .string(words)]
            case .report(let report):
                ["text": .string(report.text), "facts": report.facts, "status": .integer(Int(report.status))]
            case .failure(let failure):
                [
                    "code": .string(failure.code), "message": .string(failure.message), "hint": .string(failure.hint),
                    "status": .integer(Int(failure.status)), "facts": .object(failure.facts),
                ]
            }
        return ((try? value.canonicalText()) ?? "{}") + "\n"
    }

    /// Reads a line; nil for anything else, as from a process that was cut short.
    init?(line: some StringProtocol) {
        guard let value = try? JSONReader.plain(String(line)) else { return nil }
        if let position = value["sound"]?.number, let size = value["size"]?.number {
            self = .sound(position, of: size)
        } else if let words = value["phase"]?.text {
            self = .phase(words)
        } else if let text = value["text"]?.text, let facts = value["facts"], let status = value["status"]?.number {
            self = .report(VerifyReport(text: text, facts: facts, status: Int32(status)))
        } else if let code = value["code"]?.text, let message = value["message"]?.text, let hint = value["hint"]?.text,
            let status = value["status"]?.number
        {
            var failure = Failure(code, message, hint: hint, status: Int32(status))
            failure.facts = value["facts"]?.members ?? [:]
            self = .failure(failure)
        } else {
            return nil
        }
    }
}
