public import Foundation

/// The name under which a log signs: `daybook.<install>/log`, with `.<n>` after the n-th accepted loss of history.
///
/// A key must never sign a head inconsistent with one it signed, so that a log which goes on from an older state is a new
/// signer under a new name.
public struct LogOrigin: Hashable, Sendable, CustomStringConvertible {
    /// The installation; made once, by `init`.
    public let install: UUID
    /// How often a log that was older than its tree heads was accepted; 0 for a log to which that never happened.
    public let generation: Int

    /// The name of an installation's log.
    public init(install: UUID, generation: Int = 0) {
        self.install = install
        self.generation = generation
    }

    /// Reads the name; nil unless writing it again gives the same text.
    public init?(text: String) {
        guard text.hasPrefix("daybook."), let slash = text.firstIndex(of: "/"),
            let install = UUID(uuidString: String(text[text.index(text.startIndex, offsetBy: 8)..<slash]))
        else { return nil }
        let words = text[text.index(after: slash)...].split(separator: ".", omittingEmptySubsequences: false)
        let generation = words.count == 1 ? 0 : Int(words[1])
        guard let generation, generation >= 0 else { return nil }
        self.init(install: install, generation: generation)
        guard self.text == text else { return nil }
    }

    /// The name.
    public var text: String { "daybook.\(install.text)/log" + (generation == 0 ? "" : ".\(generation)") }

    /// The name, as ``text``.
    public var description: String { text }
}
