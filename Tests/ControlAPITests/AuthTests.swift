import CanonicalJSON
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Coming in over HTTP") struct AuthTests {
    @Test("A new token key ends nobody's session, or those under the key before it, and asks for the password")
    func rotation() async throws {
        try await RunningHome.with { home in
            let (admin, _) = try await home.user(.admin)
            let (other, _) = try await home.user(.viewer)
            let path = "/api/v1/token-key/rotate"
            let unsigned = try await home.post(path, ["reason": "by the calendar"], token: admin)
            #expect(unsigned.status == 403 && unsigned.code == "auth.password")
            #expect(try await home.post(path, RunningHome.signed(), token: admin).status == 204)
            #expect(try await home.get("/api/v1/auth/me", token: other).status == 200)
            let (late, _) = try await home.user(.viewer)
            let theft = try await home.post(path, RunningHome.signed(["refuse_previous": true]), token: admin)
            #expect(theft.status == 204)
            #expect(try await home.get("/api/v1/auth/me", token: late).status == 401)
            // What an earlier key signed was never in the thief's hands.
            #expect(try await home.get("/api/v1/auth/me", token: other).status == 200)
        }
    }

    @Test("a person signs up, waits, is approved, logs in, patches, reads event and proof, logs out and is refused")
    func wholeWay() async throws {
        try await RunningHome.with { home in
            let (admin, _) = try await home.user(.admin)
            let person: JSONValue = [
                "address": "bo@plant.example", "password": .string(RunningHome.password), "name": "Bo",
            ]
            #expect(try await home.post("/api/v1/auth/signup", person).status == 202)
            let login: JSONValue = [
                "address": "bo@plant.example", "password": .string(RunningHome.password), "token": true,
            ]
            let early = try await home.post("/api/v1/auth/login", login)
            #expect(early.status == 403)
            #expect(early.json["rule"] == "login.pending")
            let waiting = try await home.get("/api/v1/users?status=pending&min_position=0", token: admin)
            let id = try #require(waiting.json["items"]?.elements?.first?["user_id"]?.text)
            let approved = try await home.post("/api/v1/users/\(id)/approve", ["role": "operator"], token: admin)
            #expect(approved.status == 200)
            let token = try #require(try await home.post("/api/v1/auth/login", login).json["token"]?.text)
            let config = try await home.get("/api/v1/config/runtime", token: token)
            let tag = try #require(config.headers["etag"])
            let patched = try await home.send(
                "PATCH",
                "/api/v1/config/runtime?reason=slow%20parts",
                json: ["ef_search": 256],
                type: "application/merge-patch+json",
                token: token,
                headers: ["If-Match": tag]
            )
            #expect(patched.status == 200)
            let position = try #require(patched.json["position"]?.number)
            let event = try await home.get("/api/v1/events/\(position)", token: token)
            #expect(event.json["reason"] == "slow parts")
            #expect(event.json["auth"] == "session/http")
            let proof = try await home.get("/api/v1/events/\(position)/proof", token: token)
            #expect(proof.json["tlog_proof"]?.text?.hasPrefix("c2sp.org/tlog-proof@v1") == true)
            #expect(try await home.post("/api/v1/auth/logout", token: token).status == 204)
            #expect(try await home.get("/api/v1/auth/me", token: token).status == 401)
        }
    }
}
