import CanonicalJSON
import Foundation

/// Keeps the ground for a removal from naming what is removed: it stays in the log.
enum GoingWords {
    /// Refuses an option whose words hold one of the names that go, letter case of a to z aside.
    ///
    /// A name of less than four bytes counts only where it stands as a word: else nobody could say "also" of an Al.
    static func refuse(_ options: [String: String?], holding names: [String]) throws {
        for (option, words) in stated(options) {
            guard let name = names.first(where: { isHeld($0, by: words) }) else { continue }
            throw refusal(option, name)
        }
    }

    /// Refuses an option whose words hold a redacted text, or what looks like a name of it.
    ///
    /// The whole text counts from three bytes on; two of its neighbouring words of which one begins with a capital letter
    /// or holds a digit; and one such word alone, spelt the same, except as the first of the option, where every word has a
    /// capital letter. Words in capitals alone (GDPR) are no names.
    static func refuse(_ options: [String: String?], quoting texts: [String]) throws {
        for (option, stated) in stated(options) {
            let words = words(of: stated)
            let pairs = Set(zip(words, words.dropFirst()).map { "\($0) \($1)".lowercased() })
            let single = Set(words.dropFirst())
            for text in texts {
                if text.utf8.count >= 3, isHeld(text, by: stated) { throw refusal(option, text) }
                let own = Self.words(of: text)
                let pair = zip(own, own.dropFirst()).first { first, second in
                    (isNameLike(first) || isNameLike(second)) && pairs.contains("\(first) \(second)".lowercased())
                }
                if let pair { throw refusal(option, "\(pair.0) \(pair.1)") }
                if let word = own.first(where: { isNameLike($0) && single.contains($0) }) {
                    throw refusal(option, word)
                }
            }
        }
    }

    private static func stated(_ options: [String: String?]) -> [(option: String, words: String)] {
        options.sorted { $0.key < $1.key }.compactMap { option, words in words.map { (option, $0) } }
    }

    private static func isHeld(_ name: String, by words: String) -> Bool {
        let (name, words) = (folded(name), folded(words))
        guard !name.isEmpty else { return false }
        return words.ranges(of: name).contains { range in
            if name.utf8.count >= 4 { return true }
            let before = words[..<range.lowerBound].last
            let after = words[range.upperBound...].first
            return ![before, after].contains { $0?.isASCII == true && $0.map { $0.isLetter || $0.isNumber } == true }
        }
    }

    private static func folded(_ text: String) -> String { text.precomposedStringWithCanonicalMapping.lowercased() }

    private static func words(of text: String) -> [String] {
        text.split { !($0.isLetter || $0.isNumber || "-_'@.".contains($0)) }
            .map { $0.trimmingCharacters(in: .punctuationCharacters) }.filter { !$0.isEmpty }
    }

    private static func isNameLike(_ word: String) -> Bool {
        guard word.count >= 3, word.contains(where: \.isLetter) else { return false }
        return word.contains(where: \.isNumber)
            || word.first?.isUppercase == true && word.contains(where: \.isLowercase)
    }

    private static func refusal(_ option: String, _ words: String) -> Failure {
        var failure = Failure(
            "words.going",
            "\(option) holds words that are to go: \(Words.short(words, 60))",
            hint: "it stays in the log for good: say why without them",
            status: ExitStatus.badData
        )
        failure.facts["field"] = .string(String(option.drop { $0 == "-" }))
        return failure
    }
}
