import CanonicalJSON
import Foundation
import RoutingDomain
import Testing

@Suite("Catalogue")
struct CatalogueTests {
    static let envelope: Set = [
        "position", "event_id", "stream", "category", "stream_version", "recorded_at", "actor", "command",
        "correlation",
        "causation", "reason", "meaning", "auth", "request_id", "type", "schema_version", "payload", "summary",
        "object",
        "day", "hour",
    ]

    @Test("Every type has a well-formed name, a note for each field, and a sentence that uses only its fields")
    func wellFormed() {
        #expect(EventCatalog.schemas.count == EventCatalog.all.count)
        for schema in EventCatalog.schemas.values {
            let about = schema.about
            let names = Set(schema.fields.map(\.name))
            #expect(about.type.wholeMatch(of: /[a-z_]+\.[a-z_]+/) != nil, "\(about.type)")
            #expect(Set(about.notes.keys) == names, "\(about.type): notes and fields differ")
            #expect(about.notes.values.allSatisfy { !$0.isEmpty })
            #expect(Set(schema.summary.fields).isSubset(of: names), "\(about.type): summary names an unknown field")
            #expect(about.freeText.isSubset(of: names) && about.object.map(names.contains) ?? true, "\(about.type)")
            #expect(names.isDisjoint(with: Self.envelope), "\(about.type): a field has the name of an envelope field")
            #expect(schema.fields.count { $0.kind == .document } <= 1, "\(about.type): more than one document")
        }
    }

    @Test("A payload is refused with the field's name: unknown, missing, wrong type, not one of the choices")
    func refusesPayloads() {
        let good: JSONValue = ["version": "2025.01.01_1", "kind": "activation", "is_emergency": false]
        #expect(throws: Never.self) { try EventCatalog.decode(type: "model.activated", version: 3, payload: good) }
        for (payload, words) in [
            (["version": "v", "kind": "activation", "is_emergency": false, "extra": 1], "unknown field \"extra\""),
            (["kind": "activation"], "missing field \"version\""),
            (["version": 1, "kind": "activation"], "field \"version\" is number, must be string"),
            (
                ["version": "v", "kind": "guess"],
                "field \"kind\": \"guess\" is not one of activation | rollback | restoration"
            ),
            ("text", "a payload is a JSON object, not string"),
        ] as [(JSONValue, String)] {
            let error = #expect(throws: PayloadError.self) {
                try EventCatalog.decode(type: "model.activated", version: 3, payload: payload)
            }
            #expect(error?.description == words)
        }
        #expect(throws: PayloadError.self) { try EventCatalog.decode(type: "model.guessed", version: 1, payload: good) }
        #expect(throws: PayloadError.self) {
            try EventCatalog.decode(type: "model.activated", version: 4, payload: good)
        }
    }

    @Test("An event's payload reads back as the same event, absent fields left out")
    func roundTrip() throws {
        let event = TaskLogged(
            task: "t1",
            entry: 1,
            directive: "재다",
            response: "b",
            remaining: 2,
            claimedAt: Timestamp("2026-01-02T03:04:05.000006Z")
        )
        let members = try PayloadCoding.members(of: event)
        #expect(members["claimed_at"] == "2026-01-02T03:04:05.000006Z" && members["evidence"] == nil)
        let back = try EventCatalog.decode(type: "task.logged", version: 1, payload: .object(members))
        #expect(back as? TaskLogged == event)
    }

    @Test("Every payload ever released is read by today's program")
    func fixtures() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/events")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        var seen: Set<String> = []
        for file in files where file.pathExtension == "json" {
            let parts = file.deletingPathExtension().lastPathComponent.split(separator: ".").map(String.init)
            let (type, version) = ("\(parts[0]).\(parts[1])", try #require(Int(parts[2].dropFirst())))
            let bytes = Array(try Data(contentsOf: file).dropLast())
            let payload = try JSONReader.canonical(bytes)
            _ = try EventCatalog.decode(type: type, version: version, payload: payload)
            seen.insert("\(type) \(version)")
        }
        for schema in EventCatalog.schemas.values {
            for version in 1...schema.about.version {
                #expect(
                    seen.contains("\(schema.about.type) \(version)"),
                    "no fixture Golden/events/\(schema.about.type).v\(version).json"
                )
            }
        }
    }

    @Test("model.activated 1 becomes 2: the flag becomes a kind")
    func upcasts() throws {
        let old: JSONValue = ["version": "b", "previous_version": "a", "rollback": true]
        let event = try EventCatalog.decode(type: "model.activated", version: 1, payload: old)
        #expect(event as? ModelActivated == ModelActivated(version: "b", previousVersion: "a", kind: .rollback))
    }

    @Test("What was activated before there were workers is for whoever serves, and nothing of it was overridden")
    func upcastsActivations() throws {
        let old: JSONValue = ["version": "b", "previous_version": "a", "kind": "rollback", "is_emergency": true]
        let event = try EventCatalog.decode(type: "model.activated", version: 3, payload: old)
        let expected = ModelActivated(version: "b", previousVersion: "a", kind: .rollback, isEmergency: true)
        #expect(event as? ModelActivated == expected)
    }

    @Test("What had no rule of approval was no emergency, and an approval of then is for no action")
    func upcastsApprovals() throws {
        let activated: JSONValue = ["version": "b", "previous_version": "a", "kind": "rollback"]
        let restored: JSONValue = [
            "config": "runtime", "settings_version": 1, "changes": [], "from_checkpoint": 3, "words": "nothing",
        ]
        let patched: JSONValue = [
            "config": "runtime", "kind": "undo", "settings_version": 1, "changes": [], "words": "nothing",
        ]
        let requested: JSONValue = ["approval": "a1", "subject": "sprint-w0", "statement": "done"]
        let old = try [
            EventCatalog.decode(type: "model.activated", version: 2, payload: activated),
            EventCatalog.decode(type: "config.restored", version: 1, payload: restored),
            EventCatalog.decode(type: "config.patched", version: 1, payload: patched),
            EventCatalog.decode(type: "approval.requested", version: 1, payload: requested),
        ]
        #expect((old[0] as? ModelActivated)?.isEmergency == false)
        #expect((old[1] as? ConfigRestored)?.isEmergency == false)
        #expect((old[2] as? ConfigPatched)?.isEmergency == false)
        let request = try #require(old[3] as? ApprovalRequested)
        #expect(request == ApprovalRequested(approval: "a1", subject: "sprint-w0", statement: "done"))
    }
}
