import Accounts
import CanonicalJSON
import EventStore
import Foundation
import RoutingDomain

/// Carries out in the home what the log says of erased people.
///
/// The event comes first; a crash after it, or a `state.db` restored from before it, is made good at the next opening.
struct Erasures {
    let people: People
    let log: any EventLog
    let folders: HomeFolders

    private static let directory = StreamName.domain(ErasureState.stream)

    /// Erases everybody whom the log has erased and `state.db` still knows; returns how many.
    ///
    /// The names are also removed from the copies of documents that were kept because somebody had edited them.
    @discardableResult
    func carryOut() throws -> Int {
        let (applied, version) = (try people.erasuresApplied(), Int(try log.version(of: Self.directory)))
        guard version > applied else { return 0 }
        let subjects = try Self.subjects(in: log, from: UInt64(applied) + 1)
        if people.keyFault() == nil {
            for person in try subjects.compactMap({ try UUID(uuidString: $0).flatMap(people.person(id:)) }) {
                try KeptCopies(folders: folders).remove(person.name, leaving: PeopleNames.erased(person.id.text))
            }
        }
        return try people.erase(Set(subjects.compactMap(UUID.init(uuidString:))), applied: version)
    }

    /// The pseudonyms of erased people, from a version of the directory on.
    static func subjects(in log: any EventLog, from version: UInt64 = 1) throws -> [String] {
        try log.events(in: directory, from: version, limit: .max).compactMap { event in
            guard event.type == PersonErased.about.type else { return nil }
            return try JSONReader.canonical(event.data)["subject"]?.text
        }
    }
}

extension StreamName {
    /// A stream as the domain names it.
    static func domain(_ name: String) -> StreamName {
        guard let stream = StreamName(name) else { preconditionFailure("the domain's stream names are stream names") }
        return stream
    }
}
