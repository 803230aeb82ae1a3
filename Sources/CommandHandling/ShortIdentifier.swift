internal import Crypto
package import EventStore
package import Foundation

/// Identifiers for things that nobody named.
///
/// With an idempotency key they belong to the actor and the key, so that a repetition names the same thing; without one they are fresh.
package enum ShortIdentifier {
    private static let letters = Array("23456789abcdefghjkmnpqrstuvwxyz")

    /// Six characters without look-alikes after a prefix, for example `t-4k7mzp`.
    package static func make(_ prefix: String, actor: UUID, idempotencyKey key: String?) -> String {
        guard let key else { return prefix + "-" + String((0..<6).compactMap { _ in letters.randomElement() }) }
        return prefix + "-" + String(digest(actor, key).prefix(6).map { letters[Int($0) % letters.count] })
    }

    /// A pseudonym, a UUID in lower case.
    package static func pseudonym(actor: UUID, idempotencyKey key: String?) -> String {
        guard let key else { return UUID().text }
        var bytes = Array(digest(actor, key).prefix(16))
        // Version 8: bits by a rule of the application's own (RFC 9562).
        bytes[6] = bytes[6] & 0x0f | 0x80
        bytes[8] = bytes[8] & 0x3f | 0x80
        return (UUID(bytes: bytes) ?? UUID()).text
    }

    private static func digest(_ actor: UUID, _ key: String) -> SHA256.Digest {
        SHA256.hash(data: Data("\(actor.text)\n\(key)".utf8))
    }
}

/// What a piece of evidence refers to, by its text alone.
package enum EvidenceReference: Sendable {
    /// `event:N`, an event of the log.
    case event
    /// `event:N` behind the head, or no number.
    case beyondLog
    /// An address of the web.
    case address
    /// Anything else: the name of a file.
    case name

    /// Reads a text; `head` is the size of the log.
    package init(_ text: String, head: Position) {
        if text.hasPrefix("event:") {
            self = Position(text.dropFirst(6)).map { $0 < head } == true ? .event : .beyondLog
        } else {
            self = text.hasPrefix("http://") || text.hasPrefix("https://") ? .address : .name
        }
    }
}
