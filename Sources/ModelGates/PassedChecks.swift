internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
package import Foundation
package import RoutingDomain

/// The checks that were passed not long ago, in files that may go at any time.
///
/// What is remembered is that the files of this manifest, by its digest, passed these limits with this program. That the files still are
/// those is for the caller to see each time: it is never remembered.
package struct PassedChecks: Sendable {
    private let folder: String
    private let program: String
    private let keeps: TimeInterval

    /// Checks remembered in a folder for so many seconds, for one version of the program.
    package init(folder: String, program: String, keeps: TimeInterval = 3_600) {
        (self.folder, self.program, self.keeps) = (folder, program, keeps)
    }

    private func path(_ digest: String, _ request: CheckRequest) -> String? {
        guard
            let text = try? JSONValue.array([.string(program), .string(digest), request.json]).canonicalText()
        else { return nil }
        let key = SHA256.hash(data: Array(text.utf8)).map { String(format: "%02x", $0) }.joined()
        return "\(folder)/\(key.prefix(32)).json"
    }

    /// The report of a check that was passed; nil where none is remembered, or it is too long ago by `now`.
    package func report(of digest: String, _ request: CheckRequest, now: Date) -> GateReport? {
        guard let path = path(digest, request), let bytes = try? DurableFile.read(path, limit: 1 << 20),
            let json = try? JSONReader.plain(bytes), let at = json["at"]?.number, let report = GateReport(json)
        else { return nil }
        let age = now.timeIntervalSince1970 - Double(at)
        guard age >= 0, age < keeps, report.failed.isEmpty else { return nil }
        return report
    }

    /// Remembers a check that was passed; one that was not, and one that cannot be written, is simply made again.
    package func keep(_ report: GateReport, of digest: String, _ request: CheckRequest, now: Date) {
        guard report.failed.isEmpty, let path = path(digest, request), case .object(var members) = report.json else {
            return
        }
        members["at"] = .integer(Int(now.timeIntervalSince1970))
        try? DurableFile.makeDirectory(folder)
        tidy(now)
        try? DurableFile.write(Array(JSONValue.object(members).prettyText.utf8), to: path, mode: 0o600)
    }

    private func tidy(_ now: Date) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where name.hasSuffix(".json") {
            let path = "\(folder)/\(name)"
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            guard let changed = attributes?[.modificationDate] as? Date, now.timeIntervalSince(changed) > keeps else {
                continue
            }
            try? FileManager.default.removeItem(atPath: path)
        }
    }
}
