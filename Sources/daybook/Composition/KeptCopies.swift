import DurableFiles
import Foundation

/// The copies of documents that Daybook keeps because somebody had edited them by hand.
///
/// They are nobody's read model: when a name is erased or a text redacted, it is removed from them where it stands.
struct KeptCopies {
    let folders: HomeFolders

    /// The paths of all copies, sorted.
    func paths() -> [String] {
        files { $0.contains(/\.edited-\d{8}T/) }
    }

    /// The copies that hold a text.
    func holding(_ text: String) -> [String] {
        paths().filter { path in
            (try? DurableFile.read(path)).map { bytes in Self.forms(of: text).contains { bytes.contains($0.utf8) } }
                ?? false
        }
    }

    /// Writes `mark` in place of a text in every copy that holds it, and removes what writers that died left unfinished.
    func remove(_ text: String, leaving mark: String) throws {
        for path in paths() {
            var bytes = try DurableFile.read(path)
            var isChanged = false
            for form in Self.forms(of: text) where bytes.contains(form.utf8) {
                bytes.replace(Array(form.utf8), with: Array(mark.utf8))
                isChanged = true
            }
            if isChanged { try DurableFile.write(bytes, to: path) }
        }
        for path in files({ $0.wholeMatch(of: /\..*\.tmp-\d+/) != nil }) {
            let process = path.split(separator: "-").last.flatMap { pid_t($0) } ?? 0
            if kill(process, 0) != 0, errno == ESRCH { unlink(path) }
        }
    }

    /// A text as it is, on one line, and as JSON writes it.
    private static func forms(of text: String) -> [String] {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        let quoted = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        return [text, line, quoted].reduce(into: []) { forms, form in
            if !form.isEmpty, !forms.contains(form) { forms.append(form) }
        }
    }

    private func files(_ isWanted: (String) -> Bool) -> [String] {
        ["config", "docs", "logs", "data"].flatMap { folder in
            let root = "\(folders.root)/\(folder)"
            let names = (try? FileManager.default.subpathsOfDirectory(atPath: root)) ?? []
            return names.filter { isWanted($0.split(separator: "/").last.map(String.init) ?? "") }
                .map { "\(root)/\($0)" }
        }.sorted()
    }
}
