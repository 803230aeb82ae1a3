import CanonicalJSON
import Extraction
import PlantTables
import Testing

/// Input mappings as JSON, and what is wrong with some.
struct ProfileTests {
    @Test func `the built-in profile is sound and comes back out of its JSON`() throws {
        let profile = SourceProfile.plantSchema
        try profile.check()
        let again = try SourceProfile(JSONReader.plain(profile.json.prettyText))
        #expect(again == profile)
        #expect(again.digest == profile.digest)
        var other = profile
        other.tables[0].columns[0].nulls = .refused
        #expect(other.digest != profile.digest)
    }

    @Test func `a profile that contradicts itself names the place`() async throws {
        let cases: [(String, String)] = [
            (#"{"name":"x","tables":[]}"#, "tables"),
            (#"{"name":"x","tables":[{"name":"T","columns":[{"name":"A","typ":"text"}]}]}"#, "typ"),
            (#"{"name":"x","tables":[{"name":"T","columns":[{"name":"A","type":"float"}]}]}"#, "type"),
            (#"{"name":"x","tables":[{"name":"T","columns":[{"name":"A"},{"name":"A"}]}]}"#, "T.A"),
            (#"{"name":"x","tables":[{"name":"T","columns":[{"name":"A","unit":"mm"}]}]}"#, "T.A"),
            (
                #"{"name":"x","tables":[{"name":"T","columns":[{"name":"A","type":"number","unit":"mm","source_unit":"h"}]}]}"#,
                "T.A"
            ),
            (
                #"{"name":"x","tables":[{"name":"T","columns":[{"name":"A","type":"number","range":["5","1"]}]}]}"#,
                "range"
            ),
            (#"{"name":"x","tables":[{"name":"T","columns":[{"name":"A"}]}],"at_least_one_of":["U"]}"#, "U"),
        ]
        for (text, place) in cases {
            let found = try await fault { try SourceProfile(JSONReader.plain(text)) }
            #expect(found.code == .mapping)
            #expect(found.message.contains(place), "\(found.message)")
        }
    }
}
