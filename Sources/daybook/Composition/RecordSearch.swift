import CanonicalJSON
import DurableFiles
import EventStore
import Foundation
import RoutingDomain

/// Where a text stands in the log: what a person wrote in the wrong place.
struct RecordSearch: Sendable {
    /// A field of a record that holds the text.
    struct Hit: Sendable, Hashable {
        let position: Position
        let type: String
        let field: String
        /// Whether `daybook redact` can remove it; false for a value that is structure, such as a setting.
        let isRedactable: Bool
    }

    private let needles: [[UInt8]]
    /// The digests of evidence files that hold one of the texts.
    private let evidence: Set<String>

    /// A search for texts; letter case of a to z does not matter.
    ///
    /// Other spellings and parts of a name are not found: name them as further texts. Reads the evidence files in `blobs`.
    init(for texts: [String], blobs: String) {
        // Records and evidence hold texts as JSON writes them, fields of records as they were typed.
        let needles = texts.flatMap { WrittenForms.of($0).all.map(\.folded) }
        self.needles = needles
        let digests = (try? FileManager.default.contentsOfDirectory(atPath: blobs)) ?? []
        evidence = Set(
            digests.filter { digest in
                (try? DurableFile.read("\(blobs)/\(digest)")).map { Self.holds($0.folded, needles) } ?? false
            }
        )
    }

    /// Every hit, in the order of the log; an evidence file that holds a text is one of its entry's field `evidence`.
    func hits(in log: any EventLog) throws -> [Hit] {
        let wanted = needles + evidence.map { Array($0.utf8) }
        var hits: [Hit] = []
        var next: Position = 0
        while true {
            let page = try log.page(from: next, limit: 4096)
            if page.events.isEmpty { return hits }
            for event in page.events where Self.holds(event.record.folded, wanted) { hits += try fields(of: event) }
            next = page.next
        }
    }

    private func fields(of event: RecordedEvent) throws -> [Hit] {
        let redactable = Redactable.fields(of: event.type)
        var members = try JSONReader.canonical(event.data).members ?? [:]
        let metadata = try event.metadata()
        members["reason"] = metadata.reason.map { .string($0) }
        members["meaning"] = metadata.meaning.map { .string($0) }
        let holdsFile = members["evidence_sha256"]?.text.map(evidence.contains) ?? false
        return members.keys.sorted().compactMap { field in
            guard let value = members[field], let text = value.text ?? (try? value.canonicalText()),
                Self.holds(text.utf8.folded, needles) || field == "evidence" && holdsFile && text != Redactable.mark
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
        needles.contains { bytes.contains($0) }
    }
}

extension Sequence<UInt8> {
    /// The bytes with A to Z as a to z.
    fileprivate var folded: [UInt8] { map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 + 32 : $0 } }
}
