internal import CanonicalJSON
internal import Crypto
internal import Foundation
internal import JWTKit
package import RoutingDomain

/// What a token says; every claim is there, numbers are whole.
///
/// A token is a handle: it names a session or a service key, and what that may do now stands in the log.
struct TokenClaims: JWTPayload, Equatable {
    /// `daybook.<install-uuid>`.
    var iss: String
    /// What it is for.
    var aud: String
    /// The pseudonym that acts.
    var sub: String
    /// The session or the service key.
    var sid: String
    /// Seconds since 1970.
    var iat: Int
    /// Seconds since 1970.
    var exp: Int

    /// The claims are checked by ``TokenVerifier``, which knows the time and the log.
    func verify(using algorithm: some JWTAlgorithm) async throws {}

    /// The claims in a payload; nil unless it is the canonical JSON of exactly these.
    init?(payload: [UInt8]) {
        guard case .object(let members)? = try? JSONReader.canonical(payload), members.count == 6,
            let iss = members["iss"]?.text, let aud = members["aud"]?.text, let sub = members["sub"]?.text,
            let sid = members["sid"]?.text, let iat = members["iat"]?.number, let exp = members["exp"]?.number
        else { return nil }
        self.init(iss: iss, aud: aud, sub: sub, sid: sid, iat: iat, exp: exp)
    }

    init(iss: String, aud: String, sub: String, sid: String, iat: Int, exp: Int) {
        (self.iss, self.aud, self.sub, self.sid, self.iat, self.exp) = (iss, aud, sub, sid, iat, exp)
    }
}

/// What a token is for.
package enum TokenAudience: String, Choice {
    case session = "daybook/session"
    case service = "daybook/service"
}

/// The outer form of a token, which is the same for every one of ours.
enum TokenForm {
    /// The most bytes of a token that is looked at.
    static let limit = 4096
    static let type = "daybook+jwt"

    /// The one header that a key's tokens have.
    static func header(_ key: String) -> String { #"{"alg":"EdDSA","kid":"\#(key)","typ":"\#(type)"}"# }

    /// The bytes of base64url without padding; nil for any other spelling, so that no two texts mean the same token.
    static func bytes(_ text: Substring) -> [UInt8]? {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
            default: false
            }
        }
        guard isPlain, text.utf8.count % 4 != 1 else { return nil }
        var standard = text.replacing("-", with: "+").replacing("_", with: "/")
        standard += String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: String(standard)), data.base64EncodedString() == standard else {
            return nil
        }
        return Array(data)
    }
}

/// Signs tokens with the key in use.
package struct TokenSigner: Sendable {
    private let key: TokenKey
    private let issuer: String

    /// A signer for a home; `issuer` is `daybook.<install-uuid>`.
    package init(key: TokenKey, issuer: String) {
        self.key = key
        self.issuer = issuer
    }

    /// The token of a session, good until the session ends at the latest.
    package func token(session: String, user: String, from start: Timestamp, until end: Timestamp) async throws
        -> String
    {
        try await token(.session, session, user, start, end)
    }

    /// The token that is a service key: shown once, kept nowhere.
    package func token(serviceKey: String, account: String, from start: Timestamp, until end: Timestamp) async throws
        -> String
    {
        try await token(.service, serviceKey, account, start, end)
    }

    private func token(
        _ audience: TokenAudience,
        _ handle: String,
        _ subject: String,
        _ start: Timestamp,
        _ end: Timestamp
    ) async throws -> String {
        let claims = TokenClaims(
            iss: issuer,
            aud: audience.rawValue,
            sub: subject,
            sid: handle,
            iat: Int(start.microseconds / 1_000_000),
            exp: Int(end.microseconds / 1_000_000)
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let serializer = DefaultJWTSerializer(jsonEncoder: encoder)
        let keys = await JWTKeyCollection()
            .add(eddsa: EdDSA.PrivateKey(backing: key.key), kid: JWKIdentifier(string: key.id), serializer: serializer)
        return try await keys.sign(
            claims,
            kid: JWKIdentifier(string: key.id),
            header: ["typ": .string(TokenForm.type)]
        )
    }
}
