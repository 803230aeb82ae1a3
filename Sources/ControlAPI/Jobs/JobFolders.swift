internal import CanonicalJSON
internal import DurableFiles
internal import Exporting
internal import Foundation

/// A file that a job made.
struct JobFile: Sendable, Equatable {
    let name: String
    let size: Int
    let sha256: String

    var json: JSONValue { ["name": .string(name), "size": .integer(size), "sha256": .string(sha256)] }
}

/// The files of jobs: `data/jobs/<job>/` with `log`, `result.json`, `files.json` and what was made in `out/`.
///
/// None of it is truth: that a job was asked for and how it ended are events. Everything here can be deleted.
package struct JobFolders: Sendable {
    /// `data/jobs` of the home.
    package let root: String

    /// The jobs' folders of a home by the path of its `data`.
    package init(data: String) { root = "\(data)/jobs" }

    func folder(_ job: String) -> String { "\(root)/\(job)" }
    func out(_ job: String) -> String { "\(folder(job))/out" }
    func log(_ job: String) -> String { "\(folder(job))/log" }

    /// Makes a job's folders, empty.
    func make(_ job: String) throws {
        try DurableFile.makeDirectory(root, mode: 0o700)
        discard(job)
        try DurableFile.makeDirectory(out(job), mode: 0o700)
    }

    /// Removes what a job made; its log stays.
    func discard(_ job: String) {
        for name in ["out", "files.json", "result.json"] {
            try? FileManager.default.removeItem(atPath: "\(folder(job))/\(name)")
        }
    }

    /// Removes everything of a job.
    func remove(_ job: String) { try? FileManager.default.removeItem(atPath: folder(job)) }

    /// The jobs that have a folder.
    func jobs() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).filter { UUID(uuidString: $0) != nil }
            .sorted()
    }

    /// Puts result and list of files on disk, with digests; blocks.
    func keep(_ job: String, result: JSONValue) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: out(job)).filter { !$0.hasPrefix(".") }.sorted()
        let files = try names.map { name in
            let path = "\(out(job))/\(name)"
            let size = try FileForm(at: path, followingLinks: false).size
            return JobFile(name: name, size: Int(size), sha256: try ExportCheck.digest(of: path))
        }
        try DurableFile.write(result.prettyText.utf8, to: "\(folder(job))/result.json", mode: 0o600)
        let list = JSONValue.array(files.map(\.json))
        try DurableFile.write(list.prettyText.utf8, to: "\(folder(job))/files.json", mode: 0o600)
    }

    /// The files that a job made and that are still there.
    func files(_ job: String) -> [JobFile] {
        let list =
            (try? JSONReader.plain(DurableFile.read("\(folder(job))/files.json", limit: 1 << 20)))?.elements ?? []
        return list.compactMap { file in
            guard let name = file["name"]?.text, let size = file["size"]?.number, let sha256 = file["sha256"]?.text,
                (try? FileForm(at: "\(out(job))/\(name)", followingLinks: false))?.kind == .plain
            else { return nil }
            return JobFile(name: name, size: size, sha256: sha256)
        }
    }

    /// The result, where it is still kept.
    func result(_ job: String) -> JSONValue? {
        try? JSONReader.plain(DurableFile.read("\(folder(job))/result.json", limit: 64 << 20))
    }

    /// The lines of a job's log; nil where none is kept.
    func lines(_ job: String) -> [String]? {
        guard let bytes = try? DurableFile.read(log(job), limit: 2 * JobListener.most) else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .dropLast().map(String.init)
    }
}
