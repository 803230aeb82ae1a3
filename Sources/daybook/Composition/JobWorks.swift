import CanonicalJSON
import ControlAPI
import DurableFiles
import Foundation
import Projecting
import RoutingDomain

/// How the works of jobs are done: by commands of this program, each in a process of its own, and rebuilds by the server itself.
struct JobWorks: Sendable {
    let global: GlobalOptions
    let projector: Projector
    /// Where backups go; nil for the job's own folder.
    let backupFolder: String?

    /// The works as the board of jobs wants them.
    var works: Works { Works { order, listener in try await run(order, listener) } }

    private func run(_ order: JobOrder, _ listener: JobListener) async throws -> JSONValue {
        if order.kind == .rebuild { return try await rebuild(order, listener) }
        // Only a training reads the plant's database, and no other work is to know its password.
        let variables = order.kind == .training ? [SourceOptions.passwordVariable] : []
        let process = JobProcess(try words(order), in: order.folder, variables: variables, listener)
        do {
            let result = try await withTaskCancellationHandler {
                try await onThread { try process.run() }
            } onCancel: {
                process.stop()
            }
            return Self.told(result, order)
        } catch let failure as JobFailure {
            throw JobFailure(failure.code, Self.plain(failure.message, order), facts: Self.told(failure.facts, order))
        }
    }

    /// The server holds the lock of the projections for good: no other process could.
    private func rebuild(_ order: JobOrder, _ listener: JobListener) async throws -> JSONValue {
        let names = order.parameters["projections"]?.elements?.compactMap(\.text) ?? []
        let isDry = order.parameters["dry_run"] == true
        listener.progress(isDry ? "comparing the read models" : "deriving the read models", 0, of: 0)
        do {
            let differences = try await projector.rebuild(names, dryRun: isDry)
            return ProjectionsCommand.result(differences, dryRun: isDry)
        } catch let fault as ProjectingFault {
            guard fault.code != .cancelled else { throw CancellationError() }
            throw JobFailure(fault.code.description, fault.message, facts: ["hint": .string(fault.hint)])
        }
    }

    // MARK: - Words

    private func words(_ order: JobOrder) throws -> [String] {
        let parameters = order.parameters
        let part = order.job.prefix(8)
        var words: [String]
        switch order.kind {
        case .verify:
            words =
                ["verify"] + flag("--log-only", parameters["log_only"]) + flag("--all-heads", parameters["all_heads"])
        case .auditBundle:
            words = ["audit", "bundle", "--out", "\(order.out)/audit-bundle-\(part).tar"]
            words += option("--from", try from(order)) + option("--to", parameters["to"]?.text)
            words += option("--only", list(parameters["only"])?.joined(separator: ","))
            if parameters["names"] == false { words.append("--no-names") }
        case .eventsExport:
            let format = parameters["format"]?.text ?? "csv"
            words = ["events", "export", "--format", format, "--out", "\(order.out)/events-\(part).\(format)"]
            words +=
                option("--from", parameters["from"]?.number.map { "\($0)" }) + option("--to", parameters["to"]?.text)
            words += (list(parameters["only"]) ?? []).flatMap { ["--category=\($0)"] }
        case .logbookExport:
            let format = parameters["format"]?.text ?? "md"
            words = ["logbook", "export", "--format", format, "--out", "\(order.out)/logbook-\(part).\(format)"]
            words += option("--sprint", parameters["sprint"]?.text) + option("--task", parameters["task"]?.text)
            words += option("--from-day", parameters["from_day"]?.text) + option("--to-day", parameters["to_day"]?.text)
        case .backup:
            words = ["backup", "create", "--out", try givenFolder() ?? order.out]
        case .backupDrill:
            words = ["backup", "drill", try backup(order), "--scratch", order.folder]
        case .training:
            words = ["train", "--wait", "60"]
            words += option("--version", parameters["version"]?.text) + option("--notes", parameters["notes"]?.text)
            words += option("--resume", parameters["resume"]?.text)
        case .rebuild: preconditionFailure("a rebuild is no command of another process")
        }
        words += ["--json", "--progress", "--job", order.job, "--home", global.folders.root]
        return words + option("--projections", global.projections) + option("--migrations", global.migrations)
    }

    private func flag(_ name: String, _ value: JSONValue?) -> [String] { value == true ? [name] : [] }

    /// The value stands in the same word, so that none can pass for an option.
    private func option(_ name: String, _ value: String?) -> [String] { value.map { ["\(name)=\($0)"] } ?? [] }

    private func list(_ value: JSONValue?) -> [String]? { value?.elements?.compactMap(\.text) }

    /// Where a bundle begins: as asked for, or at the tree head that the auditor holds, which the command reads from a file.
    private func from(_ order: JobOrder) throws -> String? {
        guard let note = order.parameters["held_head"]?.text else { return order.parameters["from"]?.text }
        let path = "\(order.folder)/held-head"
        try DurableFile.write(Array(note.utf8), to: path, mode: 0o600)
        return path
    }

    /// The folder of backups; refuses one that is not there, as where its disk is missing.
    private func givenFolder() throws -> String? {
        guard let backupFolder else { return nil }
        guard (try? FileForm(at: backupFolder))?.kind == .folder else {
            throw JobFailure(
                "backup.folder",
                "jobs.backup-folder is no folder now",
                facts: ["hint": "look whether its disk is there; nothing was written"]
            )
        }
        return backupFolder
    }

    /// The backup to try: of the job that was named, else the newest of the folder, else that of the last job that made one.
    private func backup(_ order: JobOrder) throws -> String {
        let jobs = URL(filePath: order.folder).deletingLastPathComponent().path
        func made(_ job: String) -> String? {
            let folder = "\(jobs)/\(job)/out"
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            return names.filter(JobFileName.isBackup).max().map { "\(folder)/\($0)" }
        }
        if let job = order.parameters["backup"]?.text {
            if let path = made(job) { return path }
            throw JobFailure(
                "backup.none",
                "job \(job) has no backup here",
                facts: ["hint": "the list of jobs shows those that made one; their files go after jobs.keep-days"]
            )
        }
        if let folder = try givenFolder() { return folder }
        let all = ((try? FileManager.default.contentsOfDirectory(atPath: jobs)) ?? []).compactMap(made)
        let newest = all.max { URL(filePath: $0).lastPathComponent < URL(filePath: $1).lastPathComponent }
        guard let newest else {
            throw JobFailure("backup.none", "there is no backup here to try", facts: ["hint": "make one first"])
        }
        return newest
    }

    // MARK: - Results

    /// A result without the paths of this machine: whoever asks over HTTP fetches files by name.
    private static func told(_ value: JSONValue, _ order: JobOrder) -> JSONValue {
        switch value {
        case .string(let text): .string(plain(text, order))
        case .array(let elements): .array(elements.map { told($0, order) })
        case .object(let members): .object(members.mapValues { told($0, order) })
        default: value
        }
    }

    private static func plain(_ text: String, _ order: JobOrder) -> String {
        text.replacing("\(order.out)/", with: "").replacing("\(order.folder)/", with: "")
    }
}

/// How the files of jobs are called.
enum JobFileName {
    /// Whether it is a backup, named as `daybook backup create` does.
    static func isBackup(_ name: String) -> Bool { name.hasPrefix("daybook-") && name.hasSuffix(".tar") }
}
