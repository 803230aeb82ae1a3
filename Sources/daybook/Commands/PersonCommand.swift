import Accounts
import ArgumentParser
import CanonicalJSON
import EventStore
import RoutingDomain

struct PersonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "person",
        abstract: "The people who can act: names here, pseudonyms in the log.",
        subcommands: [Add.self, List.self, PersonEraseCommand.self]
    )

    struct Add: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Make a person known.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var proving: ProofOption
        @Argument(help: "The name that people see; it stays out of the log.")
        var name: String

        func run(in home: OpenHome) async throws {
            try proving.prepare()
            let (person, appended) = try await Actors(people: home.people, log: home.log)
                .add(name: name, origin: .named, by: try await home.sender())
            if let appended { await home.prove(appended, proving) }
            await home.follow()
            home.printer.show("\(person.name) is known as \(person.id.text)", PersonCommand.json(person))
        }
    }

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List the known people.")
        @OptionGroup var global: GlobalOptions

        func run(in home: OpenHome) async throws {
            let people = try home.people.all()
            let rows = people.map { [$0.name, $0.id.text, $0.uid.map { "local user \($0)" } ?? "-"] }
            home.printer.show(
                TextTable(header: ["NAME", "PSEUDONYM", "ACTS FOR"], rows: rows, empty: "nobody is known").text,
                .array(people.map(PersonCommand.json))
            )
        }
    }

    private static func json(_ person: Person) -> JSONValue {
        var members: [String: JSONValue] = ["id": .string(person.id.text), "name": .string(person.name)]
        members["uid"] = person.uid.map { .integer(Int($0)) }
        return .object(members)
    }
}
