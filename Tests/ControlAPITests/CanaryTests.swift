import Accounts
import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import Metering
import Observing
import Projecting
import RoutingDomain
import SignIn
import Testing

@testable import ControlAPI

/// Passwords, tokens, codes and keys are in no line of the log and in no file of the home, in any spelling.
@Suite("Secrets stay nowhere", .timeLimit(.minutes(15)))
struct CanaryTests {
    /// Every spelling in which some bytes could lie about.
    private static func spellings(_ secret: String) -> [[UInt8]] {
        let bytes = Array(secret.utf8)
        let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        var all = [secret, hex, hex.uppercased()]
        // Base64 of a text within another text begins at one of three places; its edges belong to the neighbours.
        for offset in 0..<3 {
            let text = Data([UInt8](repeating: 0, count: offset) + bytes).base64EncodedString()
            let inner = text.dropFirst(offset == 0 ? 0 : 4).dropLast(4)
            all += [String(inner), String(inner).replacing("+", with: "-").replacing("/", with: "_")]
        }
        let escaped = secret.utf8.map { byte in
            let isPlain = Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber
            return isPlain
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
        .joined()
        all += [escaped, escaped.replacing("%20", with: "+")]
        return Set(all).map { Array($0.utf8) }
    }

    private static func holds(_ bytes: Data, _ needle: [UInt8]) -> Bool { bytes.range(of: Data(needle)) != nil }

    @Test("Neither the lines of the service nor the files of the home hold a secret that went through them")
    func nowhere() async throws {
        try await RunningHome.with { home in
            let (admin, _) = try await home.user(.admin)
            let (password, wrong, next) = (
                "Canary one: kx81-Zürich", "Canary two: mq72 wrong", "Canary three: pv63 next"
            )
            var secrets = [password, wrong, next, admin, RunningHome.password]
            let person: JSONValue = [
                "address": "canary@plant.example", "password": .string(password), "name": "Canary",
            ]
            #expect(try await home.post("/api/v1/auth/signup", person).status == 202)
            let id = try #require(try home.control.people.credential(of: MailAddress("canary@plant.example"))).id
            #expect(
                try await home.post("/api/v1/users/\(id.text)/approve", ["role": "operator"], token: admin).status
                    == 200
            )
            func logIn(_ secret: String) async throws -> Received {
                try await home.post(
                    "/api/v1/auth/login",
                    ["address": "canary@plant.example", "password": .string(secret), "token": true]
                )
            }
            #expect(try await logIn(wrong).status == 401)
            let token = try #require(try await logIn(password).json["token"]?.text)
            let change: JSONValue = ["password": .string(password), "new_password": .string(next)]
            #expect(try await home.post("/api/v1/auth/password", change, token: token).status == 204)
            let reset = try await home.post("/api/v1/users/\(id.text)/reset", ["reason": "forgotten"], token: admin)
            let code = try #require(reset.json["code"]?.text)
            let account = UUID().text
            let why = Sender.system(reason: "canary-control")
            _ = try await home.control.commands.handle(CreateServiceAccount(account: account, name: "canary"), by: why)
            let key = try await home.key(scope: ["read"], account: account)
            secrets += [token, code, key.token]
            // Where a secret does not belong: in another field, in a path, in a query, in a body that is no JSON.
            for secret in [password, code, token] {
                let path = secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                _ = try await home.get("/api/v1/\(path)", token: admin)
                _ = try await home.get("/api/v1/users?status=\(path)", token: admin)
                _ = try await home.get("/api/v1/events?\(path)=1", token: admin)
                _ = try await home.post("/api/v1/auth/login", ["address": .string(secret), "password": "x"])
                _ = try await home.send("POST", "/api/v1/auth/login", bytes: Array("{\"password\":\"\(secret)\"".utf8))
                _ = try await home.get("/api/v1/auth/me", headers: ["Authorization": "Basic \(path)"])
                _ = try await home.get("/api/v1/auth/me", token: "\(key.token)x")
            }
            #expect(try await home.get("/api/v1/events", token: key.token).status == 200)
            _ = try await home.control.projector.catchUp()
            try Self.look(in: home, for: secrets)
        }
    }

    private static func look(in home: RunningHome, for secrets: [String]) throws {
        let lines = Data(home.logged.joined(separator: "\n").utf8)
        #expect(holds(lines, Array("/api/v1/auth/login".utf8)), "the control: routes are seen")
        var files: [(String, Data)] = [("the lines of the service", lines)]
        home.control.observation.requestLog?.flush()
        let paths = FileManager.default.enumerator(atPath: home.folder.path)?.compactMap { $0 as? String } ?? []
        for path in paths {
            guard let data = FileManager.default.contents(atPath: home.folder.path(path)) else { continue }
            files.append((path, data))
        }
        let seen = files.filter { holds($0.1, Array("canary-control".utf8)) }.map(\.0)
        #expect(
            seen.contains { $0.hasSuffix(".mdb") } && seen.contains { $0.contains("registry.db") },
            "the control: \(seen)"
        )
        #expect(
            files.contains { $0.0 == "logs/requests.jsonl" && holds($0.1, Array("/api/v1/auth/login".utf8)) },
            "the control: the request log is looked at"
        )
        for secret in secrets {
            // Of a token the signature: what comes before it is no secret by itself.
            let needle = secret.count > 200 ? String(secret.suffix(60)) : secret
            for spelling in spellings(needle) {
                for (name, bytes) in files {
                    #expect(!holds(bytes, spelling), "\(name) holds \(secret.prefix(6))…")
                }
            }
        }
    }
}
