package import CanonicalJSON

/// A profile of the input mapping was stored; which one is in force is another event.
package struct MappingSaved: DomainEvent {
    package var name: String
    package var revision: Int
    package var profileSha256: String
    package var profile: JSONValue

    package init(name: String, revision: Int, profileSha256: String, profile: JSONValue) {
        (self.name, self.revision) = (name, revision)
        (self.profileSha256, self.profile) = (profileSha256, profile)
    }

    package static let about = EventAbout(
        "mapping.saved",
        summary: "the input mapping {name} was saved, revision {revision}",
        object: "name",
        notes: [
            "name": "name of the mapping",
            "revision": "1 for the first profile of this name, one more with each further one",
            "profile_sha256":
                "SHA-256 of the profile's canonical JSON, as extractions and versions record it",
            "profile": "which tables and columns of the source stand for which of the model's",
        ]
    )
}

/// Another profile came into force: what trainings read the plant's database by.
package struct MappingActivated: DomainEvent {
    package var name: String
    package var revision: Int
    package var profileSha256: String?
    package var previousName: String
    package var previousRevision: Int

    package init(
        name: String,
        revision: Int,
        profileSha256: String?,
        previousName: String,
        previousRevision: Int
    ) {
        (self.name, self.revision, self.profileSha256) = (name, revision, profileSha256)
        (self.previousName, self.previousRevision) = (previousName, previousRevision)
    }

    package static let about = EventAbout(
        "mapping.activated",
        summary:
            "the input mapping {name} came into force, revision {revision} (before: {previous_name})",
        object: "name",
        notes: [
            "name": "name of the mapping; plant-schema is the one that the program brings along",
            "revision": "which of its profiles; 0 for the one that the program brings along",
            "profile_sha256": "SHA-256 of the profile; absent for the one that the program brings along",
            "previous_name": "the mapping that was in force before",
            "previous_revision": "which of its profiles",
        ]
    )
}
