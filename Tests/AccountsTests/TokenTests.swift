@testable import Accounts
import CanonicalJSON
import Crypto
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

/// A verifier that knows one active user with a live session, one service key and one token key.
private struct TokenPlace {
    static let issuer = "daybook.11111111-1111-4111-8111-111111111111"
    let key = TokenKey()
    let verifier = TokenVerifier(issuer: issuer)
    let now = Timestamp(microseconds: 1_800_000_000_000_000)
    let user = "22222222-2222-4222-8222-222222222222"
    let session = "55555555-5555-4555-8555-555555555555"
    let account = "44444444-4444-4444-8444-444444444444"
    let serviceKey = "66666666-6666-4666-8666-666666666666"
    var end: Timestamp { now.advanced(bySeconds: 12 * 3600) }

    init() {
        know(TokenKeyPublished(keyId: key.id, publicKey: key.publicKey))
        know(UserSignedUp(userId: user))
        know(UserApproved(userId: user, role: .operator))
        know(SessionStarted(sessionId: session, userId: user, expiresAt: end))
        know(ServiceAccountCreated(account: account, name: "line-3"))
        know(ServiceKeyIssued(keyId: serviceKey, account: account, scope: "read,train", expiresAt: end))
    }

    func know(_ event: any DomainEvent) {
        verifier.apply(HistoricEvent(position: 0, stream: "any", recordedAt: now, actor: user, event: event))
    }

    func token() async throws -> String {
        try await TokenSigner(key: key, issuer: Self.issuer).token(session: session, user: user, from: now, until: end)
    }

    func refusal(_ token: String, at instant: Timestamp? = nil) async -> TokenRefusal.Reason? {
        await refusal(Array(token.utf8), at: instant)
    }

    func refusal(_ token: [UInt8], at instant: Timestamp? = nil) async -> TokenRefusal.Reason? {
        do throws(TokenRefusal) {
            _ = try await verifier.principal(of: token, at: instant ?? now)
            return nil
        } catch { return error.reason }
    }

    /// A token of any header and payload, really signed by a key: what only a thief of the key could make.
    func forged(_ header: String, _ payload: String, by key: TokenKey? = nil) throws -> String {
        let text = "\(Self.base64(Data(header.utf8))).\(Self.base64(Data(payload.utf8)))"
        let signature = try (key ?? self.key).key.signature(for: Data(text.utf8))
        return "\(text).\(Self.base64(signature))"
    }

    static func base64(_ data: some DataProtocol) -> String {
        Data(data).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    var header: String { TokenForm.header(key.id) }

    func payload(_ changes: [String: JSONValue?] = [:]) throws -> String {
        var members: [String: JSONValue] = [
            "iss": .string(Self.issuer), "aud": "daybook/session", "sub": .string(user), "sid": .string(session),
            "iat": 1_800_000_000, "exp": 1_800_043_200,
        ]
        for (name, value) in changes { members[name] = value }
        return try JSONValue.object(members).canonicalText()
    }
}

@Suite("Tokens")
struct TokenTests {
    @Test("A token of ours is taken, in exactly the one spelling that the control below signs itself")
    func accepts() async throws {
        let place = TokenPlace()
        let token = try await place.token()
        #expect(try token == place.forged(place.header, place.payload()))
        let principal = try await place.verifier.principal(of: Array(token.utf8), at: place.now)
        #expect(principal.actor == place.user && principal.role == .operator)
        #expect(principal.permissions == Role.operator.permissions)
        let service = try await TokenSigner(key: place.key, issuer: TokenPlace.issuer)
            .token(serviceKey: place.serviceKey, account: place.account, from: place.now, until: place.end)
        let program = try await place.verifier.principal(of: Array(service.utf8), at: place.now)
        #expect(program.role == .service && program.permissions == [.read, .train])
    }

    @Test("No other header is taken, though really signed by our key")
    func headers() async throws {
        let place = TokenPlace()
        let (id, payload) = (place.key.id, try place.payload())
        var headers = [
            #"{"alg":"none","kid":"\#(id)","typ":"daybook+jwt"}"#,
            #"{"alg":"None","kid":"\#(id)","typ":"daybook+jwt"}"#,
            #"{"alg":"nOnE","kid":"\#(id)","typ":"daybook+jwt"}"#,
            #"{"alg":"HS256","kid":"\#(id)","typ":"daybook+jwt"}"#,
            #"{"alg":"ES256","kid":"\#(id)","typ":"daybook+jwt"}"#, #"{"alg":"EdDSA","kid":"\#(id)","typ":"JWT"}"#,
            #"{"alg":"EdDSA","kid":"\#(id)"}"#, #"{"alg":"EdDSA","typ":"daybook+jwt"}"#, "{}", "", "null", "[]",
            #"{"alg":"EdDSA","kid":["\#(id)"],"typ":"daybook+jwt"}"#,
            #"{"kid":"\#(id)","alg":"EdDSA","typ":"daybook+jwt"}"#,
            #"{"alg":"EdDSA","crit":["exp"],"kid":"\#(id)","typ":"daybook+jwt"}"#, " \(place.header)",
            "\(place.header)\n",
            #"{"alg":"EdDSA","alg":"EdDSA","kid":"\#(id)","typ":"daybook+jwt"}"#,
        ]
        for name in ["jwk", "jku", "x5u", "x5c"] {
            headers.append(#"{"alg":"EdDSA","\#(name)":"https://evil.example","kid":"\#(id)","typ":"daybook+jwt"}"#)
        }
        for kid in [
            "", "../../keys/token.key", "' OR 1=1 --", String(repeating: "a", count: 2000), "unknown", id.uppercased(),
        ] {
            headers.append(TokenForm.header(kid))
        }
        for header in headers where header != place.header {
            let reason = try await place.refusal(place.forged(header, payload))
            #expect(reason == .form || reason == .key, "\(header.prefix(80))")
        }
    }

    @Test("No other claims are taken, though really signed by our key")
    func claims() async throws {
        let place = TokenPlace()
        let changes: [[String: JSONValue?]] = [
            ["exp": nil], ["exp": -1], ["exp": "1800043200"], ["exp": 1_799_999_000], ["iat": 1_800_000_100],
            ["iat": nil], ["iss": "daybook.other"], ["aud": "daybook"], ["aud": "daybook/service"],
            ["aud": .array(["daybook/session"])],
            ["sub": .string(place.account)], ["sid": "none"], ["sid": nil], ["nbf": 1_900_000_000],
            ["role": "admin"], ["exp": 1_799_999_999, "iat": 1_800_000_000],
        ]
        for change in changes {
            let token = try place.forged(place.header, place.payload(change))
            #expect(await place.refusal(token) != nil, "\(change)")
        }
        let good = try place.payload()
        for payload in [
            good.replacing("1800043200", with: "1800043200.5"), good.replacing("1800043200", with: "1e308"),
            good.replacing(#""exp":"#, with: #""exp":1900000000,"exp":"#), " " + good, good + " ", "null", "",
            good.replacing("{", with: #"{"exp":9,"#),
        ] {
            #expect(await place.refusal(try place.forged(place.header, payload)) == .form, "\(payload.prefix(60))")
        }
    }

    @Test("No other signature is taken: none, of another key, by the public key as a secret, or of a key past its end")
    func signatures() async throws {
        let place = TokenPlace()
        let (token, other) = (try await place.token(), TokenKey())
        let parts = token.split(separator: ".").map(String.init)
        #expect(await place.refusal("\(parts[0]).\(parts[1]).") == .form)
        #expect(await place.refusal("\(parts[0]).\(parts[1])") == .form)
        #expect(try await place.refusal(place.forged(place.header, place.payload(), by: other)) == .signature)
        let secret = SymmetricKey(data: Data(place.key.publicKey.utf8))
        let mac = Data(HMAC<SHA512>.authenticationCode(for: Data("\(parts[0]).\(parts[1])".utf8), using: secret))
        #expect(await place.refusal("\(parts[0]).\(parts[1]).\(TokenPlace.base64(mac))") == .signature)
        for text in [
            "", ".", "..", "...", "a.b.c", token + ".", token + "=", " " + token, token + "\n",
            String(repeating: "A", count: 65_536),
        ] {
            #expect(await place.refusal(text) == .form)
        }
        place.know(TokenKeyPublished(keyId: other.id, publicKey: other.publicKey, previousKeyId: place.key.id))
        #expect(await place.refusal(token) == nil, "a rotation ends nobody's session")
        let third = TokenKey()
        place.know(
            TokenKeyPublished(
                keyId: third.id,
                publicKey: third.publicKey,
                previousKeyId: other.id,
                previousEndsAt: place.now
            )
        )
        let byOther = try place.forged(TokenForm.header(other.id), place.payload(), by: other)
        #expect(await place.refusal(byOther) == .key)
    }

    @Test("Of 20,000 seeded changes of a bit or a character of a good token none is taken")
    func flips() async throws {
        let place = TokenPlace()
        var random = SeededGenerator()
        let good = Array(try await place.token().utf8)
        #expect(await place.refusal(good) == nil, "control: the token itself is taken")
        // Every bit of the last characters, whose spare bits a lax reader ignores, and a sample of the others.
        var changed: [[UInt8]] = []
        for index in good.indices.suffix(4) {
            for byte in UInt8.min ... .max where byte != good[index] {
                changed.append(good)
                changed[changed.count - 1][index] = byte
            }
        }
        while changed.count < 20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                bytes[Int.random(in: good.indices, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
            }
            if bytes != good { changed.append(bytes) }
        }
        var accepted = 0
        for bytes in changed where await place.refusal(bytes) == nil { accepted += 1 }
        #expect(accepted == 0)
    }

    @Test("What ended in the log is refused at once: session, user, key, time")
    func endings() async throws {
        let endings: [(any DomainEvent, TokenRefusal.Reason)] = [
            (SessionEnded(sessionId: TokenPlace().session, userId: TokenPlace().user, cause: .logout), .ended),
            (SessionRevoked(sessionId: TokenPlace().session, userId: TokenPlace().user), .ended),
            (UserDisabled(userId: TokenPlace().user), .disabled),
            (PersonErased(subject: TokenPlace().user, scope: .identity, basis: "b"), .ended),
        ]
        for (event, reason) in endings {
            let place = TokenPlace()
            let token = try await place.token()
            #expect(await place.refusal(token) == nil)
            place.know(event)
            #expect(await place.refusal(token) == reason)
        }
        let place = TokenPlace()
        let token = try await place.token()
        #expect(await place.refusal(token, at: place.end.advanced(bySeconds: -1)) == nil)
        #expect(await place.refusal(token, at: place.end) == .time)
        #expect(await place.refusal(token, at: place.now.advanced(bySeconds: -31)) == .time)
        place.know(UserRoleChanged(userId: place.user, role: .viewer, previousRole: .operator))
        let role = try await place.verifier.principal(of: Array(token.utf8), at: place.now).role
        #expect(role == .viewer, "a role holds from the next request on")
        let service = try await TokenSigner(key: place.key, issuer: TokenPlace.issuer)
            .token(serviceKey: place.serviceKey, account: place.account, from: place.now, until: place.end)
        place.know(ServiceKeyRevoked(keyId: place.serviceKey, account: place.account))
        #expect(await place.refusal(service) == .ended)
    }

    @Test("The key's file is its owner's alone; a cut rotation is finished after its event and taken back before it")
    func keyFile() throws {
        let folder = try TemporaryFolder("daybook-token")
        let files = TokenKeyFiles(folder: folder.path("keys"))
        let first = try files.open(published: nil)
        #expect(try files.open(published: first.id).id == first.id)
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path("keys/token.key"))
        #expect(attributes[.posixPermissions] as? Int == 0o400)
        _ = try files.prepareNext()
        #expect(try files.open(published: first.id).id == first.id)
        #expect(!FileManager.default.fileExists(atPath: folder.path("keys/token.key.next")))
        let second = try files.prepareNext()
        #expect(try files.open(published: second.id).id == second.id)
        #expect(try files.open(published: second.id).id == second.id)
        try FileManager.default.setAttributes([.posixPermissions: 0o440], ofItemAtPath: folder.path("keys/token.key"))
        #expect(throws: AccountFault.self) { try files.open(published: second.id) }
    }
}
