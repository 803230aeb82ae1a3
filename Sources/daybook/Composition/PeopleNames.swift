import Accounts
import CanonicalJSON
import EventStore
import RoutingDomain
import Synchronization

/// The names behind pseudonyms, read once: lists and documents ask for one per row.
final class PeopleNames: Sendable {
    private let people: People
    private let log: any EventLog
    private let known: Mutex<[String: String]>

    /// Names out of `state.db`; a person made known later is found at the first miss.
    init(_ people: People, _ log: any EventLog) {
        self.people = people
        self.log = log
        known = Mutex(Self.erased(in: log))
    }

    /// `system`, a known name, `[erased …]` for a person who was erased, or the pseudonym's first characters.
    func name(of pseudonym: String) -> String {
        if pseudonym == CommandContext.system { return "system" }
        return known.withLock { known in
            if let name = known[pseudonym] { return name }
            for person in (try? people.all()) ?? [] { known[person.id.text] = person.name }
            let name = known[pseudonym] ?? "person \(pseudonym.prefix(8))"
            known[pseudonym] = name
            return name
        }
    }

    private static func erased(in log: any EventLog) -> [String: String] {
        let subjects = (try? Erasures.subjects(in: log)) ?? []
        return Dictionary(subjects.map { ($0, erased($0)) }, uniquingKeysWith: { first, _ in first })
    }

    /// What stands in the place of an erased name: still one text for one person.
    static func erased(_ pseudonym: String) -> String { "[erased \(pseudonym.prefix(8))]" }

    /// Reads the names anew where an erasure, by this process or another, changed them; says whether documents show old ones.
    ///
    /// While the key of the names cannot be read, documents show pseudonyms, and are marked to be rendered anew.
    func follow() throws -> Bool {
        if people.keyFault() != nil {
            try people.noteRenderingDue()
            return false
        }
        guard try people.isRenderingDue() else { return false }
        let erased = Self.erased(in: log)
        known.withLock { $0 = erased }
        return true
    }

    /// Says that every document shows the names as they are now.
    func noteRendered() throws { try people.noteRendered() }
}
