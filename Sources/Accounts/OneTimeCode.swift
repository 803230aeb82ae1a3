internal import Crypto
package import Foundation
internal import GRDB

/// A code that is good once, for 24 hours: 128 random bits as 26 letters and digits in groups.
///
/// Letters and digits that look alike are read as one: the alphabet is Crockford's.
package struct OneTimeCode: Sendable {
    /// What is shown, once: `xxxxx-xxxxx-…`.
    package let text: String
    /// What is kept.
    let hash: Data

    /// A new code from the system's random numbers.
    package init() {
        var random = SystemRandomNumberGenerator()
        var (high, low) = (UInt64.random(in: 0 ... .max, using: &random), UInt64.random(in: 0 ... .max, using: &random))
        var digits: [Character] = []
        for _ in 0..<26 {
            digits.append(Self.alphabet[Int(low & 31)])
            low = low >> 5 | high << 59
            high >>= 5
        }
        self.init(digits: digits)
    }

    /// Reads what somebody typed, letter case, hyphens and spaces aside; nil for what no code is.
    package init?(_ text: String) {
        guard text.utf8.count <= 100 else { return nil }
        let digits: [Character] = text.lowercased().filter { $0 != "-" && !$0.isWhitespace }.map {
            switch $0 {
            case "o": "0"
            case "i", "l": "1"
            default: $0
            }
        }
        guard digits.count == 26, digits.allSatisfy(Self.alphabet.contains) else { return nil }
        self.init(digits: digits)
    }

    private init(digits: [Character]) {
        hash = Data(SHA256.hash(data: Data("daybook/code\n\(String(digits))".utf8)))
        text = stride(from: 0, to: digits.count, by: 5)
            .map { String(digits[$0..<min($0 + 5, digits.count)]) }.joined(separator: "-")
    }

    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz")

    /// The one answer to a code that is no good, whatever the cause.
    package static let unknown = AccountFault(
        .codeUnknown,
        "the code is unknown, was used, or is past its 24 hours",
        hint: "ask for another one"
    )
}

extension People {
    /// Keeps the hash of a code until it is used or past its time; codes of one person and purpose before it end.
    ///
    /// `expiresAt` and `now` are microseconds since 1970.
    package func keep(_ code: OneTimeCode, of id: UUID, for purpose: String, expiresAt: Int64, now: Int64)
        throws(PeopleFault)
    {
        try writing { database in
            try database.execute(
                sql: "DELETE FROM code WHERE (id = ? AND purpose = ?) OR expires_at <= ?",
                arguments: [id.text, purpose, now]
            )
            try database.execute(
                sql: "INSERT INTO code (hash, id, purpose, expires_at) VALUES (?, ?, ?, ?)",
                arguments: [code.hash, id.text, purpose, expiresAt]
            )
        }
    }

    /// Whose a code is and what it is for, without using it; nil for an unknown one or one past its time.
    package func holder(of code: OneTimeCode, now: Int64) throws(PeopleFault) -> (id: UUID, purpose: String)? {
        try reading { database in
            let row = try Row.fetchOne(
                database,
                sql: "SELECT id, purpose FROM code WHERE hash = ? AND expires_at > ?",
                arguments: [code.hash, now]
            )
            return row.flatMap { row in UUID(uuidString: row["id"]).map { ($0, row["purpose"]) } }
        }
    }

    /// Uses a code up; throws ``AccountFault`` with `codeUnknown` for one that is not there any more.
    package func use(_ code: OneTimeCode, of id: UUID, now: Int64) throws {
        let used = try writing { try Self.use(code, of: id, now: now, $0) }
        guard used != nil else { throw OneTimeCode.unknown }
    }

    static func use(_ code: OneTimeCode, of id: UUID, now: Int64, _ database: Database) throws -> Bool? {
        try database.execute(
            sql: "DELETE FROM code WHERE hash = ? AND id = ? AND expires_at > ?",
            arguments: [code.hash, id.text, now]
        )
        return database.changesCount == 1 ? true : nil
    }

    /// Ends the codes of a person: whoever may not come in has none.
    package func removeCodes(of id: UUID) throws(PeopleFault) {
        try writing { try $0.execute(sql: "DELETE FROM code WHERE id = ?", arguments: [id.text]) }
    }

    /// How many codes of a person wait to be used.
    package func codes(of id: UUID) throws(PeopleFault) -> Int {
        try reading { try Int.fetchOne($0, sql: "SELECT count(*) FROM code WHERE id = ?", arguments: [id.text]) ?? 0 }
    }
}
