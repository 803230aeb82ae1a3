internal import CArgon2
internal import Foundation

/// What a guess at a password costs.
package struct PasswordCost: Hashable, Sendable {
    /// Memory in KiB.
    package let memory: Int
    /// Passes over it.
    package let passes: Int

    /// 64 MiB, three passes, one lane: about 0.16 s of one processor.
    package static let usual = PasswordCost(memory: 64 << 10, passes: 3)

    /// A cost; tests take a small one.
    package init(memory: Int, passes: Int) {
        self.memory = memory
        self.passes = passes
    }

}

/// A password's Argon2id hash with its salt and cost, as the PHC string `$argon2id$v=19$m=…,t=…,p=1$salt$hash`.
///
/// Making and checking one take processor and memory by intent: call them on the threads of ``PasswordPool`` only.
package struct PasswordHash: Equatable, Sendable {
    /// The PHC string.
    let text: String
    let cost: PasswordCost

    /// Reads a PHC string; nil for another form, and for a cost that no release of this program asked for.
    init?(text: String) {
        guard
            let match = text.wholeMatch(
                of: /\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=1\$[A-Za-z0-9+\/]{22}\$[A-Za-z0-9+\/]{43}/
            ), let memory = Int(match.output.1), let passes = Int(match.output.2), 8...(1 << 20) ~= memory,
            1...100 ~= passes
        else { return nil }
        self.text = text
        cost = PasswordCost(memory: memory, passes: passes)
    }

    /// Whether it is to be made anew where hashes cost more by now.
    package func isDue(for wanted: PasswordCost) -> Bool { cost.memory < wanted.memory || cost.passes < wanted.passes }

    /// A hash that no password has: checking against it costs what checking against a real one costs.
    static func dummy(_ cost: PasswordCost) -> PasswordHash {
        let zeros = (String(repeating: "A", count: 22), String(repeating: "A", count: 43))
        guard
            let hash = PasswordHash(text: "$argon2id$v=19$m=\(cost.memory),t=\(cost.passes),p=1$\(zeros.0)$\(zeros.1)")
        else { preconditionFailure("a bearable cost makes a PHC string") }
        return hash
    }

    /// Computes the hash of a password under 16 random bytes of salt.
    ///
    /// Throws ``AccountFault`` with `busy` when memory is short.
    static func make(_ password: Password, cost: PasswordCost) throws(AccountFault) -> PasswordHash {
        var random = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        var encoded = [CChar](repeating: 0, count: 256)
        let code = password.withBytes { bytes in
            argon2id_hash_encoded(
                UInt32(cost.passes),
                UInt32(cost.memory),
                1,
                bytes.baseAddress,
                bytes.count,
                salt,
                salt.count,
                32,
                &encoded,
                encoded.count
            )
        }
        guard code == ARGON2_OK.rawValue else { throw fault(code) }
        let text = String(decoding: encoded.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let hash = PasswordHash(text: text) else { preconditionFailure("libargon2 writes PHC strings") }
        return hash
    }

    /// Whether the password is the one; compared in constant time by the library.
    ///
    /// Throws ``AccountFault`` with `busy` when memory is short: that is never a wrong password.
    func matches(_ password: Password) throws(AccountFault) -> Bool {
        let code = password.withBytes { argon2id_verify(text, $0.baseAddress, $0.count) }
        switch code {
        case ARGON2_OK.rawValue: return true
        case ARGON2_VERIFY_MISMATCH.rawValue: return false
        default: throw Self.fault(code)
        }
    }

    /// What a code of the library other than "right" and "wrong" means.
    static func fault(_ code: Int32) -> AccountFault {
        let words = String(cString: argon2_error_message(code))
        if code == ARGON2_MEMORY_ALLOCATION_ERROR.rawValue { return .busy("memory is short") }
        return AccountFault(
            .damaged,
            "a password hash cannot be computed: \(words)",
            hint: "restore data/state.db from a backup, or issue a code for a forgotten password"
        )
    }
}
