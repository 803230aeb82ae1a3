import Accounts
import Foundation
import Testing

@Suite("People")
struct PeopleTests {
    private func withPeople(_ body: (People, String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "daybook-people-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "state.db").path
        try body(try People(path: path), path)
    }

    @Test("A person is found by name, letter case aside, and by operating-system user, also after reopening")
    func finds() throws {
        try withPeople { people, path in
            let kim = try people.add(id: UUID(), name: "Kim 김", uid: 1234, at: "2026-01-01T00:00:00.000000Z")
            let again = try People(path: path)
            #expect(try again.person(named: "KIM 김") == kim)
            #expect(try again.person(uid: 1234) == kim)
            #expect(try again.person(uid: 1) == nil)
            #expect(try again.all() == [kim])
        }
    }

    @Test(
        "Names are unique and plain text",
        arguments: [
            "", " ", "a\nb", "tab\t", String(repeating: "x", count: 101), "ANN", "Ann ", " Kim", "\u{202e}Kim",
            "System",
        ]
    )
    func refusesNames(name: String) throws {
        try withPeople { people, _ in
            _ = try people.add(id: UUID(), name: "Ann", at: "")
            #expect(throws: PeopleFault.self) { try people.add(id: UUID(), name: name, at: "") }
            #expect(try people.all().count == 1)
        }
    }

    @Test("A name in decomposed Hangul is the same name as in composed Hangul")
    func normalises() throws {
        try withPeople { people, _ in
            let kim = try people.add(id: UUID(), name: "김", at: "")
            let decomposed = "김".decomposedStringWithCanonicalMapping
            #expect(try people.person(named: decomposed) == kim)
            #expect(throws: PeopleFault.self) { try people.add(id: UUID(), name: decomposed, at: "") }
        }
    }

    @Test("The file is its owner's alone")
    func mode() throws {
        try withPeople { _, path in
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }
}
