import CanonicalJSON
import Testing

@testable import RoutingDomain

@Suite("Input mappings")
struct MappingSpecs {
    private static let one = SaveMapping(mapping: "ours", profileSha256: "aa", profile: ["name": "one"])
    private static let two = SaveMapping(mapping: "ours", profileSha256: "bb", profile: ["name": "two"])

    @Test("A profile is saved as the next revision of its name, and the one in force stays in force")
    func saving() throws {
        var scenario = Scenario(SaveMapping.self)
        let first = try #require(try scenario.when(Self.one).first?.event as? MappingSaved)
        #expect(first.revision == 1 && first.profile == ["name": "one"])
        scenario.given(first)
        #expect(scenario.rejection(of: Self.one)?.rule == "mapping.no-change")
        let second = try #require(try scenario.when(Self.two).first?.event as? MappingSaved)
        #expect(second.revision == 2)
        let reserved = SaveMapping(mapping: InputMappings.builtIn, profileSha256: "aa", profile: [:])
        #expect(scenario.rejection(of: reserved)?.rule == "mapping.reserved")
        let name = SaveMapping(mapping: "Not Clean", profileSha256: "aa", profile: [:])
        #expect(scenario.rejection(of: name)?.rule == "identifier.syntax")
        let list = SaveMapping(mapping: "ours", profileSha256: "cc", profile: [])
        #expect(scenario.rejection(of: list)?.rule == "mapping.profile")
    }

    @Test("Exactly one is in force: the program's own until another is activated, and again when it is chosen")
    func activating() throws {
        var scenario = Scenario(ActivateMapping.self)
        #expect(scenario.rejection(of: ActivateMapping(mapping: "ours"))?.rule == "mapping.unknown")
        let own = ActivateMapping(mapping: InputMappings.builtIn)
        #expect(scenario.rejection(of: own)?.rule == "mapping.already-active")
        scenario.given(MappingSaved(name: "ours", revision: 1, profileSha256: "aa", profile: ["name": "one"]))
        scenario.given(MappingSaved(name: "ours", revision: 2, profileSha256: "bb", profile: ["name": "two"]))
        let newest = try #require(
            try scenario.when(ActivateMapping(mapping: "ours")).first?.event as? MappingActivated
        )
        #expect(newest.revision == 2 && newest.profileSha256 == "bb" && newest.previousName == InputMappings.builtIn)
        scenario.given(newest)
        #expect(scenario.rejection(of: ActivateMapping(mapping: "ours"))?.rule == "mapping.already-active")
        #expect(scenario.rejection(of: ActivateMapping(mapping: "ours", revision: 3))?.rule == "mapping.unknown")
        let older = try #require(
            try scenario.when(ActivateMapping(mapping: "ours", revision: 1)).first?.event as? MappingActivated
        )
        #expect(older.previousRevision == 2)
        let back = try #require(try scenario.when(own).first?.event as? MappingActivated)
        #expect(back.revision == 0 && back.profileSha256 == nil)
    }
}
