package import CanonicalJSON

/// Where a saved routing's operations come from.
package enum RoutingSource: String, Choice {
    /// A version of the model proposed them, and nobody changed them.
    case proposed
    /// A person changed what was proposed or saved before.
    case edited
    /// A person wrote them.
    case manual
}

/// A part's routing was saved: the first time, or again as its next revision.
package struct RoutingSaved: DomainEvent {
    package var routing: String
    package var revision: Int
    package var item: String
    package var source: RoutingSource
    package var version: String?
    package var title: String?
    package var notes: String?
    package var content: JSONValue

    package init(
        routing: String,
        revision: Int,
        item: String,
        source: RoutingSource,
        version: String? = nil,
        title: String? = nil,
        notes: String? = nil,
        content: JSONValue
    ) {
        (self.routing, self.revision, self.item, self.source) = (routing, revision, item, source)
        (self.version, self.title, self.notes, self.content) = (version, title, notes, content)
    }

    package static let about = EventAbout(
        "routing.saved",
        summary: "a routing of the part {item} was saved, revision {revision} ({source})",
        object: "routing",
        freeText: ["title", "notes"],
        notes: [
            "routing": "identifier of the routing, a UUID",
            "revision": "1 for the first save, one more with each further one",
            "item": "code of the part",
            "source": "where the operations come from",
            "version": "version of the model that proposed them",
            "title": "what people call the routing",
            "notes": "what people say of it",
            "content":
                "operations in order, each with operation, sequence and, where they are known, name, work_centres, machine, "
                + "setup_minutes and run_minutes (for each piece) as text with three digits after the point; and the evidence "
                + "of what was proposed",
        ]
    )
}

/// A routing is no longer for use; what was saved stays in the log.
package struct RoutingWithdrawn: DomainEvent {
    package var routing: String
    package var revision: Int
    package var item: String

    package init(routing: String, revision: Int, item: String) {
        (self.routing, self.revision, self.item) = (routing, revision, item)
    }

    package static let about = EventAbout(
        "routing.withdrawn",
        summary: "the routing of the part {item} was withdrawn at revision {revision}",
        object: "routing",
        notes: [
            "routing": "identifier of the routing, a UUID",
            "revision": "its revision that was the newest",
            "item": "code of the part",
        ]
    )
}
