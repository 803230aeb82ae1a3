import Accounts
import EventStore
import RoutingDomain
import Synchronization

/// The names behind pseudonyms, read once: lists and documents ask for one per row.
final class PeopleNames: Sendable {
    private let people: People
    private let known = Mutex<[String: String]>([:])

    /// Names out of `state.db`; a person made known later is found at the first miss.
    init(_ people: People) { self.people = people }

    /// `system`, a known name, or the pseudonym's first characters.
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
}
