internal import CanonicalJSON
internal import Crypto
internal import Foundation
internal import JWTKit
package import RoutingDomain
internal import Synchronization

/// Who a request comes from, as a token and the log say together.
package struct Principal: Hashable, Sendable {
    /// The handle that was shown.
    package enum Handle: Hashable, Sendable {
        case session(AccessState.Session)
        case serviceKey(String)
    }

    /// The pseudonym that acts.
    package let actor: String
    package let role: Role
    package let permissions: Set<Permission>
    package let handle: Handle
}

/// Why a token is not taken; never says what stood in it.
package struct TokenRefusal: Error, Equatable, CustomStringConvertible {
    /// The reasons; all but `disabled` are one answer to whoever sent it.
    package enum Reason: String, Sendable, CaseIterable {
        /// Not the form of our tokens: size, parts, encoding, header, claims.
        case form
        /// A key that the log does not name, or one whose signatures are refused from now on.
        case key
        case signature
        /// Of another home, or for another use.
        case audience
        /// Past its time, or not begun.
        case time
        /// The session or key ended or was revoked.
        case ended
        /// The user may not come in.
        case disabled
    }

    package let reason: Reason

    package init(reason: Reason) { self.reason = reason }

    package var description: String { "the token is not accepted: \(reason.rawValue)" }
}

/// Checks tokens by what the log says, without `data/state.db`: any process that reads the events can.
///
/// Every event of ``RoutingDomain/AccessState/types`` is to be applied in the order of the log; a token is then checked by the state
/// at that position. So whoever reads to the head before checking refuses a revoked session at the very next request.
package final class TokenVerifier: Sendable {
    /// How far clocks may differ, in seconds.
    package static let leeway: Int64 = 30

    private struct Known {
        var access = AccessState()
        var checkers: [String: JWTKeyCollection] = [:]
        /// What was signed rightly before, by the token's digest: computing a signature again finds nothing new.
        var signed: [SHA256Digest: Signed] = [:]
    }

    private struct Signed {
        let key: String
        let claims: TokenClaims
    }

    /// The most tokens whose signatures are remembered; then all are forgotten and computed again.
    private static let remembered = 4_096

    private let issuer: String
    private let known = Mutex(Known())

    /// A verifier that has read nothing yet, and so accepts nothing; `issuer` is `daybook.<install-uuid>`.
    package init(issuer: String) { self.issuer = issuer }

    /// Takes the next event of the log; one that concerns nobody's access changes nothing.
    package func apply(_ past: HistoricEvent) { known.withLock { $0.access.apply(past) } }

    /// What it knows now.
    package var access: AccessState { known.withLock { $0.access } }

    /// Who a token stands for at an instant.
    ///
    /// The size, the spelling, the exact header and the claims are checked before any signature is computed, and the log after it.
    /// Throws ``TokenRefusal``.
    package func principal(of token: [UInt8], at now: Timestamp) async throws(TokenRefusal) -> Principal {
        let claims = try await signed(token, at: now)
        guard claims.iss == issuer, let audience = TokenAudience(rawValue: claims.aud) else {
            throw TokenRefusal(reason: .audience)
        }
        let (seconds, leeway) = (Int(now.microseconds / 1_000_000), Int(Self.leeway))
        guard claims.iat <= seconds + leeway, seconds < claims.exp + leeway, claims.iat < claims.exp else {
            throw TokenRefusal(reason: .time)
        }
        switch audience {
        case .session: return try session(claims, at: now)
        case .service: return try service(claims, at: now)
        }
    }

    /// The claims of a token whose signature is right, by a key that is good at an instant.
    private func signed(_ token: [UInt8], at now: Timestamp) async throws(TokenRefusal) -> TokenClaims {
        guard token.count <= TokenForm.limit else { throw TokenRefusal(reason: .form) }
        let digest = SHA256.hash(data: token)
        if let earlier = known.withLock({ $0.signed[digest] }) {
            try requireGood(earlier.key, at: now)
            return earlier.claims
        }
        let (key, claims) = try form(of: token)
        let checker = try await checker(key, at: now)
        do {
            let signed = try await checker.verify(token, as: TokenClaims.self)
            guard signed == claims else { throw TokenRefusal(reason: .form) }
        } catch {
            throw TokenRefusal(reason: .signature)
        }
        known.withLock { known in
            if known.signed.count >= Self.remembered { known.signed = [:] }
            known.signed[digest] = Signed(key: key, claims: claims)
        }
        return claims
    }

    private func requireGood(_ key: String, at now: Timestamp) throws(TokenRefusal) {
        let published = known.withLock { $0.access.tokenKeys[key] }
        guard let published, published.endsAt.map({ now < $0 }) ?? true else { throw TokenRefusal(reason: .key) }
    }

    private func form(of token: [UInt8]) throws(TokenRefusal) -> (key: String, claims: TokenClaims) {
        let refusal = TokenRefusal(reason: .form)
        guard token.count <= TokenForm.limit, let text = String(validating: token, as: UTF8.self) else { throw refusal }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = TokenForm.bytes(parts[0]), let payload = TokenForm.bytes(parts[1]),
            let signature = TokenForm.bytes(parts[2]), signature.count == 64,
            let claims = TokenClaims(payload: payload)
        else { throw refusal }
        // The header is compared as a whole: whatever else one could say in it, ours do not.
        let keys = known.withLock { Array($0.access.tokenKeys.keys) }
        if let key = keys.first(where: { Array(TokenForm.header($0).utf8) == header }) { return (key, claims) }
        guard case .object(let members)? = try? JSONReader.canonical(header), let key = members["kid"]?.text,
            Array(TokenForm.header(key).utf8) == header
        else { throw refusal }
        throw TokenRefusal(reason: .key)
    }

    private func checker(_ key: String, at now: Timestamp) async throws(TokenRefusal) -> JWTKeyCollection {
        let (found, published) = known.withLock { ($0.checkers[key], $0.access.tokenKeys[key]) }
        guard let published, published.endsAt.map({ now < $0 }) ?? true else { throw TokenRefusal(reason: .key) }
        if let found { return found }
        guard let bytes = [UInt8](hexadecimal: published.publicKey),
            let publicKey = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else { throw TokenRefusal(reason: .key) }
        // A collection of this key alone: there is no other that it could fall back to.
        let made = await JWTKeyCollection()
            .add(eddsa: EdDSA.PublicKey(backing: publicKey), kid: JWKIdentifier(string: key))
        known.withLock { $0.checkers[key] = made }
        return made
    }

    private func session(_ claims: TokenClaims, at now: Timestamp) throws(TokenRefusal) -> Principal {
        let (session, user) = known.withLock { ($0.access.sessions[claims.sid], $0.access.users[claims.sub]) }
        guard let session, session.user == claims.sub else { throw TokenRefusal(reason: .ended) }
        guard now < session.expiresAt else { throw TokenRefusal(reason: .time) }
        guard let user, user.status == .active, let role = user.role else { throw TokenRefusal(reason: .disabled) }
        return Principal(actor: claims.sub, role: role, permissions: role.permissions, handle: .session(session))
    }

    private func service(_ claims: TokenClaims, at now: Timestamp) throws(TokenRefusal) -> Principal {
        guard let key = known.withLock({ $0.access.serviceKeys[claims.sid] }), key.account == claims.sub else {
            throw TokenRefusal(reason: .ended)
        }
        guard now < key.expiresAt else { throw TokenRefusal(reason: .time) }
        return Principal(actor: claims.sub, role: .service, permissions: key.scope, handle: .serviceKey(key.id))
    }
}
