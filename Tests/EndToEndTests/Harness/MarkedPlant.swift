import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// A home into which markers were typed wherever a person can type words.
final class MarkedPlant: Sendable {
    let home: TestHome
    /// The people, each of whose names is a marker.
    let names: [String]
    let count: Int

    /// What every marker begins with; four digits follow.
    static let prefix = "MK7Q-"

    private init(_ home: TestHome, _ names: [String], _ count: Int) {
        self.home = home
        self.names = names
        self.count = count
    }

    static func make(people: Int) async throws -> MarkedPlant {
        let home = try await TestHome.make()
        var typist = Typist(home: home)
        var names: [String] = []
        for sample in Sample.versions {
            let folder = try Sample.copy(sample, into: home.folder.path("given"))
            try await home.succeed(["model", "register", folder, "--notes", typist.next(), "--reason", typist.next()])
        }
        for number in 0..<people {
            let name = typist.next()
            names.append(name)
            try await home.succeed(["person", "add", name])
            try await typist.type(as: name, number)
            if number == people / 2 { try typist.editByHand() }
        }
        try await home.succeed(["hold", "place", "h", "0-1", "--reason", typist.next()])
        try await home.succeed(["hold", "release", "h", "--reason", typist.next()])
        let out = home.folder.path("logbook.csv")
        try await home.succeed(["logbook", "export", "--format", "csv", "--out", out, "--reason", typist.next()])
        return MarkedPlant(home, names, typist.count)
    }

    /// The markers found in the home, by number, with the files: raw, and in other encodings as number -1.
    func scan() throws -> [Int: Set<String>] {
        var found: [Int: Set<String>] = [:]
        let forms = ByteSearch.forms(of: Self.prefix)
        for (name, bytes) in try ByteSearch.files(in: home.path) {
            for (index, form) in forms.enumerated() {
                for offset in ByteSearch.offsets(of: form, in: bytes) {
                    let digits = bytes.dropFirst(offset + form.count).prefix(4)
                    let number = index == 0 ? Int(String(decoding: digits, as: UTF8.self)) ?? -1 : -1
                    found[number, default: []].insert(name)
                }
            }
        }
        return found
    }

    /// The positions whose records hold markers, by what the program shows of them.
    func positions() async throws -> [Int] {
        try await home.events().filter { event in
            var members = event.members ?? [:]
            members["actor_name"] = nil
            return JSONValue.object(members).prettyText.contains(Self.prefix)
        }.compactMap { $0["position"]?.number }
    }
}

/// Types markers, a new one each time.
private struct Typist {
    let home: TestHome
    private(set) var count = 0

    init(home: TestHome) { self.home = home }

    mutating func next() -> String {
        defer { count += 1 }
        return "\(MarkedPlant.prefix)\(String(format: "%04d", count)) end"
    }

    mutating func type(as name: String, _ number: Int) async throws {
        let actor = ["--as", name, "--key", "key \(number)"]
        try await home.succeed(["task", "open", next(), "--id", "t\(number)", "--reason", next()] + actor)
        let evidence = home.folder.path("\(next()).txt")
        try Data("measured by \(next())\n".utf8).write(to: URL(filePath: evidence))
        try await home.succeed([
            "task", "log", "t\(number)", "--directive", next(), "--response", next(), "--remaining", "0",
            "--evidence", evidence, "--reason", next(), "--as", name,
        ])
        let request = [
            "approval", "request", next(), "--for", "w\(number)", "--id", "a\(number)", "--reason", next(), "--as",
            name,
        ]
        try await home.succeed(request)
        try await home.succeed(["approval", "withdraw", "a\(number)", "--reason", next(), "--as", name])
        try await home.succeed(["sprint", "open", "w\(number)", next(), "--reason", next(), "--as", name])
        let routing = home.folder.path("routing-\(number).json")
        let text = #"{"item": "A", "operations": [{"operation": "TURN", "sequence": 10}]}"#
        try Data(text.utf8).write(to: URL(filePath: routing))
        let words = ["--title", next(), "--notes", next(), "--reason", next(), "--as", name]
        let saved = try await home.json(["routing", "save", routing] + words)
        let id = try #require(saved["routing"]?.text)
        try await home.succeed(["routing", "withdraw", id, "--reason", next(), "--as", name])
        let patch = "{\"ef_search\": \(100 + number)}"
        try await home.succeed(["config", "patch", "runtime", patch, "--reason", next(), "--as", name])
        try await home.succeed(["snapshot", "create", "s-\(number)", "--reason", next(), "--as", name])
    }

    /// Edits a rendered day, so that a copy of it is kept.
    func editByHand() throws { try home.editDaysByHand() }
}

extension TestHome {
    /// Adds a line to every rendered day, so that the next rendering keeps copies of them.
    func editDaysByHand() throws {
        let folder = "\(path)/docs/sprint/logbook"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name.hasSuffix(".md") {
            let handle = try #require(FileHandle(forWritingAtPath: "\(folder)/\(name)"))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data("a line by hand\n".utf8))
            try handle.close()
        }
    }
}
