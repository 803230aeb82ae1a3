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

    /// Erases everybody whom the log has erased and `state.db` still knows; returns why it has to wait, or nil.
    ///
    /// The names are also removed from the copies of documents that were kept because somebody had edited them. To look for
    /// them the names must be readable: while their key is not, nothing is done, `state.db` goes on saying that it has not followed
    /// the log so far, and the next opening with the key makes up for it. Throws ``Failure`` when a disk is full or fails.
    @discardableResult
    func carryOut() throws -> PeopleFault? {
        let (applied, version) = (try people.erasuresApplied(), Int(try log.version(of: Self.directory)))
        guard version > applied else { return nil }
        let subjects = try Self.subjects(in: log, from: UInt64(applied) + 1).compactMap(UUID.init(uuidString:))
        let present = try subjects.compactMap { try people.person(id: $0) }
        let holders = try people.credentialHolders()
        let isKnown = !present.isEmpty || subjects.contains(where: holders.contains)
        if isKnown, let fault = people.keyFault() { return fault }
        do {
            for person in present {
                try KeptCopies(folders: folders).remove(person.name, leaving: PeopleNames.erased(person.id.text))
            }
            try people.erase(Set(subjects), applied: version)
            return nil
        } catch {
            guard var failure = Failure(error) else { throw error }
            failure.message = "the log records an erasure that is not carried out yet: \(failure.message)"
            failure.hint += "; the next command goes on with it, it need not be sent again"
            throw failure
        }
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
