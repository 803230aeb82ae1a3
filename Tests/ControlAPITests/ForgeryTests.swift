@testable import Accounts
import CanonicalJSON
import Crypto
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@testable import ControlAPI

/// Tokens that nobody issued and requests that nobody meant, against a service on a real socket.
@Suite("Forgeries", .timeLimit(.minutes(15)))
struct ForgeryTests {
    private static func base64(_ data: some DataProtocol) -> String {
        Data(data).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// A token of any header and payload, really signed by the home's own key: more than any forger has.
    private static func signed(_ header: String, _ payload: String, _ key: TokenKey) throws -> String {
        let text = "\(base64(Data(header.utf8))).\(base64(Data(payload.utf8)))"
        return "\(text).\(base64(try key.key.signature(for: Data(text.utf8))))"
    }

    @Test("Forged tokens are refused with 401, whatever they are made of, and stand in no line of the log")
    func forged() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.admin)
            #expect(try await home.get("/api/v1/auth/me", token: token).status == 200)
            let key = try TokenKeyFiles(folder: home.folder.path("keys")).open(published: nil)
            let parts = token.split(separator: ".").map(String.init)
            let payload = String(decoding: try #require(TokenForm.bytes(parts[1][...])), as: UTF8.self)
            let header = TokenForm.header(key.id)
            #expect(try Self.signed(header, payload, key) == token, "the control: this test can sign")
            for (name, forged) in try Self.forgeries(token, header, payload, key) {
                let answer = try await home.get("/api/v1/auth/me", token: forged)
                #expect(answer.status == 401, "\(name): \(answer.status)")
            }
            // Larger than the fields of a request may be in all: refused before anybody looks at it.
            let huge = String(repeating: "A", count: 65_536)
            #expect([401, 431].contains(try await home.get("/api/v1/auth/me", token: huge).status))
            let twice = try await home.get("/api/v1/auth/me", headers: ["Cookie": "daybook=\(token); daybook=\(token)"])
            #expect(twice.status == 400 && twice.code == "auth.cookie")
            #expect(try await home.get("/api/v1/auth/me", token: token).status == 200)
            for line in home.logged { #expect(!parts.contains { line.contains($0.suffix(40)) }, "\(line)") }
        }
    }

    private static func forgeries(
        _ token: String,
        _ header: String,
        _ payload: String,
        _ key: TokenKey
    ) throws -> [(String, String)] {
        let parts = token.split(separator: ".").map(String.init)
        let other = TokenKey()
        var all: [(String, String)] = []
        for algorithm in ["none", "None", "nOnE", "HS256", "ES256", "RS256", "eddsa"] {
            let text = header.replacing("EdDSA", with: algorithm)
            all.append((algorithm, "\(base64(Data(text.utf8))).\(parts[1])."))
            all.append(("\(algorithm), signed", try signed(text, payload, key)))
        }
        let symmetric = "\(base64(Data(header.replacing("EdDSA", with: "HS256").utf8))).\(parts[1])"
        for secret in [Data(key.publicKey.utf8), Data(key.key.publicKey.rawRepresentation)] {
            let code = HMAC<SHA256>.authenticationCode(for: Data(symmetric.utf8), using: SymmetricKey(data: secret))
            all.append(("HS256 by the public key", "\(symmetric).\(base64(Data(code)))"))
        }
        all.append(("another key", try signed(header, payload, other)))
        all.append(("another key under its own id", try signed(TokenForm.header(other.id), payload, other)))
        for kid in [
            "", "../../keys/token.key", "' OR 1=1 --", String(repeating: "a", count: 2_000), key.id.uppercased(),
        ] {
            all.append(("kid \(kid.prefix(20))", try signed(TokenForm.header(kid), payload, key)))
        }
        for name in ["jwk", "jku", "x5u", "crit"] {
            let text = header.replacing(#","kid""#, with: #","\#(name)":"https://evil.example","kid""#)
            all.append((name, try signed(text, payload, key)))
        }
        all.append(("typ", try signed(header.replacing("daybook+jwt", with: "JWT"), payload, key)))
        all.append(
            ("duplicate claim", try signed(header, payload.replacing(#"{"aud""#, with: #"{"aud":"x","aud""#), key))
        )
        for (from, to) in [
            ("daybook/session", "daybook/service"), (#""exp":"#, #""exp":-"#), (#""exp":"#, #""exp":1e308,"x":"#),
            (#""iat":1"#, #""iat":9"#), (#""iss":"daybook."#, #""iss":"other."#),
        ] {
            let changed = payload.replacing(from, with: to)
            guard changed != payload else { continue }
            all.append(("\(from) as \(to)", try signed(header, changed, key)))
        }
        all += [
            ("no signature", "\(parts[0]).\(parts[1])."), ("two parts", "\(parts[0]).\(parts[1])"),
            ("a fourth part", "\(token).x"),
            ("padding", "\(token)="), ("a stop before", ".\(token)"),
        ]
        return all
    }

    @Test("2,000 tokens that differ from a good one by one bit or one letter are refused")
    func flipped() async throws {
        var random = SeededGenerator(for: "flipped tokens")
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.viewer)
            let parts = token.split(separator: ".").map(String.init)
            let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
            for turn in 0..<2_000 {
                var changed = parts
                let part = Int.random(in: 0..<3, using: &random)
                if turn.isMultiple(of: 2) {
                    var bytes = try #require(TokenForm.bytes(parts[part][...]))
                    bytes[Int.random(in: bytes.indices, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                    changed[part] = Self.base64(bytes)
                } else {
                    var text = Array(parts[part])
                    let place = Int.random(in: text.indices, using: &random)
                    text[place] = try #require(letters.filter { $0 != text[place] }.randomElement(using: &random))
                    changed[part] = String(text)
                }
                let answer = try await home.get("/api/v1/auth/me", token: changed.joined(separator: "."))
                guard answer.status != 401 else { continue }
                Issue.record("seed \(random.seed), turn \(turn): \(answer.status)")
            }
            #expect(try await home.get("/api/v1/auth/me", token: token).status == 200)
        }
    }

    @Test(
        "With a cookie nothing changes unless the request comes from our own page; a log-in cannot be forced on anyone"
    )
    func crossSite() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.operator)
            let own = "http://127.0.0.1:\(home.port)"
            let size = try home.log.head().size
            func patch(_ headers: [String: String], type: String = "application/merge-patch+json") async throws
                -> Received
            {
                try await home.send(
                    "PATCH",
                    "/api/v1/config/runtime?reason=forged",
                    json: ["ef_search": 256],
                    type: type,
                    headers: ["Cookie": "daybook=\(token)", "If-Match": "*"].merging(headers) { $1 }
                )
            }
            let mark = ["X-Daybook": "1"]
            let foreign = [
                "https://evil.example", "null", "http://sub.127.0.0.1:\(home.port)", "http://127.0.0.1:1",
                "https://127.0.0.1:\(home.port)",
            ]
            var attempts: [[String: String]] = [[:], mark, ["Origin": own], ["Sec-Fetch-Site": "same-origin"]]
            for origin in foreign {
                attempts.append(["Origin": origin])
                attempts.append(mark.merging(["Origin": origin]) { $1 })
                attempts.append(mark.merging(["Origin": origin, "Sec-Fetch-Site": "same-origin"]) { $1 })
            }
            for site in ["cross-site", "same-site", "none", "SAME-ORIGIN"] {
                attempts.append(mark.merging(["Sec-Fetch-Site": site]) { $1 })
                attempts.append(mark.merging(["Sec-Fetch-Site": site, "Origin": own]) { $1 })
            }
            for headers in attempts {
                let answer = try await patch(headers)
                #expect(answer.status == 403 && answer.code == "auth.cross-site", "\(headers): \(answer.text)")
            }
            for override in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
                let headers = ["Cookie": "daybook=\(token)", override: "PATCH"]
                #expect(try await home.get("/api/v1/config/runtime", headers: headers).status == 200)
            }
            let form = try await patch(mark.merging(["Sec-Fetch-Site": "same-origin"]) { $1 }, type: "text/plain")
            #expect(form.status == 415)
            let login: JSONValue = ["address": "viewer@plant.example", "password": .string(RunningHome.password)]
            for headers in [["Origin": "https://evil.example"], ["Sec-Fetch-Site": "cross-site"], ["Origin": "null"]] {
                #expect(try await home.post("/api/v1/auth/login", login, headers: headers).status == 403)
            }
            let stored = try home.log.page(from: size, limit: 100).events
            #expect(!stored.contains { (try? $0.metadata().reason) == "forged" })
            let good = try await patch(mark.merging(["Sec-Fetch-Site": "same-origin", "Origin": own]) { $1 })
            #expect(good.status == 200, "the control: our own page may: \(good.text)")
        }
    }
}
