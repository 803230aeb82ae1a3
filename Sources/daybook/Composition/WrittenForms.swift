import CanonicalJSON
import Foundation
import ReadModels

/// The bytes that a text has in the files of a home: as typed, on one line, and escaped by each of the formats it is written in.
///
/// Whoever looks for a name with a quotation mark or a backslash in it would else not find it in JSON, nor in Markdown.
struct WrittenForms: Sendable {
    let all: [[UInt8]]

    /// The forms of a text, each once; none of an empty one.
    static func of(_ text: String) -> WrittenForms {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        let shown = [text, line, SafeText.oneLine(text), SafeText.markdown(text), SafeText.html(text)]
        // Both composed and decomposed letters: the same name to people, other bytes.
        let forms = [text, text.precomposedStringWithCanonicalMapping, text.decomposedStringWithCanonicalMapping]
        let quoted = forms.compactMap { try? JSONValue.string($0).canonicalText() } + [SafeText.quoted(text)]
        let bytes = (shown + forms).map { Array($0.utf8) } + quoted.map { Array($0.utf8.dropFirst().dropLast()) }
        return WrittenForms(
            all: bytes.reduce(into: []) { all, form in
                if !form.isEmpty, !all.contains(form) { all.append(form) }
            }
        )
    }

    /// Whether the bytes of a file hold one of them.
    func found(in bytes: [UInt8]) -> Bool { all.contains { bytes.contains($0) } }
}
