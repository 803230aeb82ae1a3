import CanonicalJSON
import EventStore
import Foundation
import GRDB
import Projecting
import RoutingDomain

/// Renders a home's documents after each catch-up, and tells the operator of edits from outside.
struct HomeDocuments: DocumentRefreshing {
    private let renderer: DocumentRenderer
    private let names: PeopleNames

    /// A renderer of a home's documents with the bundled templates.
    init(home: String, names: PeopleNames) throws {
        self.names = names
        renderer = DocumentRenderer(
            home: home,
            templates: try DocumentTemplates.bundled(),
            now: { Timestamp(microseconds: SystemClock().wall) },
            name: { names.name(of: $0) }
        )
    }

    func refresh(_ db: Database, everything: Bool) throws -> [DocumentEdit] {
        let namesChanged = try names.follow()
        let edits = try renderer.refresh(db, everything: everything || namesChanged)
        if namesChanged { try names.noteRendered() }
        for edit in edits { StandardStream.error.write("daybook: \(Self.words(edit))\n") }
        return edits
    }

    /// One line: what was edited, where the edit is kept, and how to make it a change that counts.
    private static func words(_ edit: DocumentEdit) -> String {
        var words = "\(edit.path) was edited by hand; the edit is kept as \(edit.keptAs) and the true document is back"
        if let patch = edit.patch, let text = try? patch.canonicalText() {
            let config = edit.path.contains("trainer") ? "trainer" : "runtime"
            words += "; to make it count: daybook config patch \(config) '\(text)' --reason \"…\""
        }
        return ([words] + edit.remarks).joined(separator: "; ")
    }
}
