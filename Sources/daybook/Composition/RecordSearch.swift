import CanonicalJSON
import EventStore
import RoutingDomain

/// Where a text stands in the log: what a person wrote in the wrong place.
struct RecordSearch {
    /// A field of a record that holds the text.
    struct Hit: Sendable, Hashable {
        let position: Position
        let type: String
        let field: String
        /// Whether `daybook redact` can remove it; false for a value that is structure, such as a setting.
        let isRedactable: Bool
    }

    let texts: [String]

    /// Every hit, in the order of the log; letter case of a to z does not matter.
    ///
    /// Reads the whole log. Other spellings and parts of a name are not found: name them as further texts.
    func hits(in log: any EventLog) throws -> [Hit] {
        let needles = texts.map { Array($0.utf8).folded }
        var hits: [Hit] = []
        var next: Position = 0
        while true {
            let page = try log.page(from: next, limit: 4096)
            if page.events.isEmpty { return hits }
            for event in page.events where Self.holds(event.record.folded, needles) {
                hits += try fields(of: event)
            }
            next = page.next
        }
    }

    private func fields(of event: RecordedEvent) throws -> [Hit] {
        let redactable = Redactable.fields(of: event.type)
        var members = try JSONReader.canonical(event.data).members ?? [:]
        let metadata = try event.metadata()
        members["reason"] = metadata.reason.map { .string($0) }
        members["meaning"] = metadata.meaning.map { .string($0) }
        let needles = texts.map { Array($0.utf8).folded }
        return members.keys.sorted().compactMap { field in
            guard let value = members[field], let text = value.text ?? (try? value.canonicalText()),
                Self.holds(Array(text.utf8).folded, needles)
            else { return nil }
            return Hit(
                position: event.position,
                type: event.type,
                field: field,
                isRedactable: redactable.contains(field) && value.text != nil
            )
        }
    }

    private static func holds(_ bytes: [UInt8], _ needles: [[UInt8]]) -> Bool {
        needles.contains { !$0.isEmpty && bytes.contains($0) }
    }
}

extension Sequence<UInt8> {
    /// The bytes with A to Z as a to z.
    fileprivate var folded: [UInt8] { map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 + 32 : $0 } }
}
