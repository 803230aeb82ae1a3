import CanonicalJSON
import EventStoreTesting
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Saved routings over HTTP") struct RoutingTests {
    private static let path = "/api/v1/routings"

    private static func routing(_ minutes: JSONValue, item: String = "A-100") -> JSONValue {
        [
            "item": .string(item), "source": "manual", "reason": "as it runs",
            "operations": [["operation": "TURN", "sequence": 10, "setup_minutes": 30, "run_minutes": minutes]],
        ]
    }

    @Test(
        "a routing is saved, read, saved again under the version that was read, withdrawn, and all of it is in the log"
    )
    func wholeWay() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.operator)
            let (viewer, _) = try await home.user(.viewer)
            #expect(try await home.post(Self.path, Self.routing(4), token: viewer).status == 403)
            let key = ["Idempotency-Key": "k"]
            let made = try await home.post(Self.path, Self.routing(.decimal("4.25")), token: token, headers: key)
            #expect(made.status == 200, "\(made.text)")
            let again = try await home.post(Self.path, Self.routing(.decimal("4.25")), token: token, headers: key)
            #expect(again.json["repeated"] == true && again.json["position"] == made.json["position"])
            let read = try #require(made.json["read"]?.text)
            let shown = try await home.get(read, token: viewer)
            let row = try #require(shown.json["item"])
            #expect(row["run_minutes"] == "4.250" && row["revision"] == 1, "\(shown.text)")
            let id = try #require(row["routing"]?.text)
            let tag = try #require(shown.headers["etag"])
            #expect(tag == "\"routing-\(id)@1\"")

            func put(_ body: JSONValue, _ tag: String?) async throws -> Received {
                let headers = tag.map { ["If-Match": $0] } ?? [:]
                return try await home.send("PUT", "\(Self.path)/\(id)", json: body, token: token, headers: headers)
            }
            let size = try home.size
            #expect(try await put(Self.routing(5), nil).status == 428)
            #expect(try await put(Self.routing(5), "\"routing-x@1\"").status == 412)
            #expect(try await put(Self.routing(.decimal("4.250")), tag).json["rule"] == "routing.no-change")
            #expect(try await put(Self.routing(5, item: "B"), tag).status == 409)
            #expect(try home.size == size, "a refusal stores nothing")
            #expect(try await put(Self.routing(5), tag).status == 200)
            #expect(try await put(Self.routing(6), tag).status == 412, "somebody was faster")
            let newer = try await home.get("\(Self.path)/\(id)?min_position=\(try home.size - 1)", token: viewer)
            #expect(newer.headers["etag"] == "\"routing-\(id)@2\"" && newer.json["item"]?["run_minutes"] == "5.000")
            let older = try await home.get("\(Self.path)/\(id)?at=\(size - 1)", token: viewer)
            #expect(older.json["item"]?["run_minutes"] == "4.250" && older.headers["etag"] == nil, "\(older.text)")
            let revisions = try await home.get("\(Self.path)/\(id)/revisions", token: viewer)
            #expect(revisions.json["items"]?.elements?.compactMap { $0["run_minutes"]?.text } == ["4.250", "5.000"])

            let withdraw = "\(Self.path)/\(id)/withdraw"
            let stale = try await home.post(withdraw, ["reason": "old"], token: token, headers: ["If-Match": tag])
            #expect(stale.status == 412, "\(stale.text)")
            #expect(try await home.post(withdraw, ["reason": "old"], token: token).status == 200)
            #expect(try await home.post(withdraw, ["reason": "old"], token: token).json["rule"] == "routing.withdrawn")
            let list = "\(Self.path)?item=A-100&status=withdrawn&min_position=\(try home.size - 1)"
            #expect(try await home.get(list, token: viewer).json["items"]?.elements?.count == 1)
            #expect(try await home.get("\(Self.path)?item=B", token: viewer).json["items"] == [])
            let (auditor, _) = try await home.user(.auditor)
            let trail = try await home.get("/api/v1/audit/search?object=\(id)", token: auditor)
            let types = trail.json["items"]?.elements?.compactMap { $0["type"]?.text }
            #expect(types.map(Set.init) == ["routing.saved", "routing.withdrawn"], "\(trail.text)")
        }
    }

    @Test("what cannot be a routing is refused with its place, also by the command's own name, and stores nothing")
    func refused() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.operator)
            let proposed = Self.routing(4).members?.merging([
                "source": "proposed", "version": "2026.01.12_1",
                "evidence": [
                    "confidence": .decimal("0.8312"), "verdict": "accepted",
                    "similar": [["item": "A-99", "distance": .decimal("5e-05"), "weight": .decimal("1.0000")]],
                ],
            ]) { $1 }
            let kept = try await home.post(Self.path, .object(try #require(proposed)), token: token)
            let evidence = kept.json["events"]?.elements?.first?["data"]?["content"]?["evidence"]
            #expect(evidence?["similar"]?.elements?.first?["distance"] == "5e-05", "\(kept.text)")
            let size = try home.size
            let unknown = "00000000-0000-4000-8000-00000000abcd"
            #expect(try await home.get("\(Self.path)/\(unknown)", token: token).status == 404)
            #expect(
                try await home.post("\(Self.path)/\(unknown)/withdraw", ["reason": "x"], token: token).status == 404
            )
            let put = try await home.send(
                "PUT",
                "\(Self.path)/\(unknown)",
                json: Self.routing(5),
                token: token,
                headers: ["If-Match": "*"]
            )
            #expect(put.status == 404, "\(put.text)")
            for (body, status) in [
                (Self.routing(-1), 422), (Self.routing(.decimal("1.2345")), 422), (Self.routing("NaN"), 422),
                (["item": "A", "source": "manual", "reason": "x", "operations": []], 422),
                (
                    [
                        "item": "A", "source": "proposed", "reason": "x",
                        "operations": [["operation": "T", "sequence": 1]],
                    ], 422
                ),
                (["item": "A", "source": "manual", "reason": "x", "operations": [], "more": 1], 422),
            ] as [(JSONValue, Int)] {
                let answer = try await home.post(Self.path, body, token: token)
                #expect(answer.status == status, "\(answer.text)")
            }
            #expect(try await command(home, token, .decimal("1.2345"), unknown).status == 422)
            #expect(try home.size == size, "a refusal stores nothing")
            #expect(try await command(home, token, .decimal("4.5"), unknown).status == 200)
        }
    }

    /// Saves by the command's own name, under a key: the command is then compared as canonical JSON.
    private func command(_ home: RunningHome, _ token: String, _ minutes: JSONValue, _ id: String) async throws
        -> Received
    {
        let fields: JSONValue = [
            "routing": .string(id), "is_revision": false, "item": "A-100", "source": "manual",
            "operations": [["operation": "TURN", "sequence": 10, "run_minutes": minutes]],
        ]
        return try await home.post(
            "/api/v1/commands/save-routing",
            ["fields": fields, "reason": "x"],
            token: token,
            headers: ["Idempotency-Key": "\(minutes)".filter { $0.isLetter || $0.isNumber }]
        )
    }
}
