import Accounts
import EventStoreTesting
import Foundation
import GRDB
import Testing

/// A folder with people in it, and what an attacker would read out of it.
struct PeoplePlace {
    let folder: TemporaryFolder
    var path: String { folder.path("state.db") }
    var keys: String { folder.path("keys") }

    init() throws { folder = try TemporaryFolder("daybook-people") }

    func open(_ reached: @escaping @Sendable (EpochStep) -> Void = { _ in }) throws -> People {
        try People(path: path, keys: keys, reached: reached)
    }

    /// The key files, by name.
    func keyFiles() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: keys).filter { $0.hasPrefix("people.") }.sorted()
    }

    /// Whether any file of the place holds a text, in one of the encodings that a tool would use.
    func holds(_ text: String) throws -> Bool {
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
            guard let bytes = FileManager.default.contents(atPath: folder.path(name)) else { continue }
            let forms = [
                Data(text.utf8), Data(Data(text.utf8).base64EncodedString().utf8), text.data(using: .utf16LittleEndian),
            ]
            if forms.compactMap({ $0 }).contains(where: { bytes.range(of: $0) != nil }) { return true }
        }
        return false
    }

    /// A copy of everything as it stands now: what a crash at this moment leaves.
    func image(_ name: String) throws -> PeoplePlace {
        let copy = try PeoplePlace()
        for file in ["state.db", "state.db-journal", "keys"]
        where FileManager.default.fileExists(atPath: folder.path(file)) {
            try FileManager.default.copyItem(atPath: folder.path(file), toPath: copy.folder.path(file))
        }
        return copy
    }
}

@Suite("People")
struct PeopleTests {
    @Test("A person is found by name, letter case aside, and by operating-system user, also after reopening")
    func finds() throws {
        let place = try PeoplePlace()
        let kim = try place.open().add(id: UUID(), name: "Kim 김", uid: 1234, at: "2026-01-01T00:00:00.000000Z")
        let again = try place.open()
        #expect(try again.person(named: "KIM 김") == kim)
        #expect(try again.person(uid: 1234) == kim)
        #expect(try again.person(id: kim.id) == kim)
        #expect(try again.person(uid: 1) == nil)
        #expect(try again.all() == [kim] && again.count() == 1)
    }

    @Test(
        "Names are unique and plain text",
        arguments: [
            "", " ", "a\nb", "tab\t", String(repeating: "x", count: 101), "ANN", "Ann ", " Kim", "\u{202e}Kim",
            "System",
        ]
    )
    func refusesNames(name: String) throws {
        let place = try PeoplePlace()
        let people = try place.open()
        _ = try people.add(id: UUID(), name: "Ann", at: "")
        #expect(throws: PeopleFault.self) { try people.add(id: UUID(), name: name, at: "") }
        #expect(try place.open().all().count == 1)
    }

    @Test("A name in decomposed Hangul is the same name as in composed Hangul")
    func normalises() throws {
        let place = try PeoplePlace()
        let people = try place.open()
        let kim = try people.add(id: UUID(), name: "김", at: "")
        let decomposed = "김".decomposedStringWithCanonicalMapping
        #expect(try people.person(named: decomposed) == kim)
        #expect(throws: PeopleFault.self) { try people.add(id: UUID(), name: decomposed, at: "") }
        #expect(try place.open().count() == 1)
    }

    @Test("The file and the key are their owner's alone")
    func mode() throws {
        let place = try PeoplePlace()
        _ = try place.open().add(id: UUID(), name: "Ann", at: "")
        for (path, wanted) in [(place.path, 0o600), ("\(place.keys)/people.1.key", 0o400)] {
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == wanted, "\(path)")
        }
    }

    @Test("No file tells a name without the key, nor its length; with the key it does (the control)")
    func sealed() throws {
        let place = try PeoplePlace()
        let people = try place.open()
        for name in ["Marker-Anna-Miller", "M"] { _ = try people.add(id: UUID(), name: name, at: "") }
        #expect(try !place.holds("Marker-Anna-Miller"))
        #expect(try people.person(named: "marker-anna-miller")?.name == "Marker-Anna-Miller")
        let sizes = try DatabaseQueue(path: place.path).read {
            try Int.fetchAll($0, sql: "SELECT DISTINCT length(sealed_name) FROM person")
        }
        #expect(sizes.count == 1)
    }

    @Test("A file of the first release is sealed at its first opening, and holds no name afterwards")
    func migrates() throws {
        let place = try PeoplePlace()
        let ids = (0..<50).map { _ in UUID() }
        let old = try DatabaseQueue(path: place.path)
        try old.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
                    INSERT INTO grdb_migrations VALUES ('1-person');
                    CREATE TABLE person (
                        id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE COLLATE NOCASE,
                        uid INTEGER UNIQUE, created_at TEXT NOT NULL
                    ) STRICT
                    """
            )
            for (number, id) in ids.enumerated() {
                try database.execute(
                    sql: "INSERT INTO person VALUES (?, ?, ?, '')",
                    arguments: [id.uuidString.lowercased(), "Marker-\(number)-Plain", number]
                )
            }
        }
        try old.close()
        #expect(try place.holds("Marker-49-Plain"), "the control: the old file tells the name")
        let people = try place.open()
        #expect(try people.count() == 50)
        #expect(try people.person(named: "Marker-49-Plain")?.uid == 49)
        for number in 0..<50 { #expect(try !place.holds("Marker-\(number)-Plain"), "name \(number)") }
    }

    @Test(
        "Without its key the file still tells people apart; names, new people and look-ups by name are refused, naming the file"
    )
    func keyIsMissing() throws {
        let place = try PeoplePlace()
        let ann = try place.open().add(id: UUID(), name: "Ann", uid: 7, at: "")
        let file = "\(place.keys)/people.1.key"
        try FileManager.default.moveItem(atPath: file, toPath: "\(file).away")
        let people = try place.open()
        #expect(try people.person(uid: 7)?.id == ann.id)
        #expect(try people.all().map(\.name) == ["person \(ann.id.uuidString.lowercased().prefix(8))"])
        let fault = try #require(people.keyFault())
        #expect(fault.code == .sealed && fault.message.contains("people.1.key"))
        #expect(throws: PeopleFault.self) { try people.person(named: "Ann") }
        #expect(throws: PeopleFault.self) { try people.add(id: UUID(), name: "Bo", at: "") }
        try FileManager.default.moveItem(atPath: "\(file).away", toPath: file)
        #expect(try people.person(named: "Ann") == ann)
        #expect(people.keyFault() == nil)
    }

    @Test("A key that others may read, or another epoch's key under its name, is refused")
    func wrongKey() throws {
        let place = try PeoplePlace()
        _ = try place.open().add(id: UUID(), name: "Ann", at: "")
        let file = "\(place.keys)/people.1.key"
        try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: file)
        #expect(try place.open().keyFault()?.message.contains("others may read") == true)
        let other = try PeoplePlace()
        _ = try other.open().add(id: UUID(), name: "Bo", at: "")
        try FileManager.default.removeItem(atPath: file)
        try FileManager.default.copyItem(atPath: "\(other.keys)/people.1.key", toPath: file)
        #expect(throws: PeopleFault.self) { try place.open().all() }
    }

    @Test(
        "Erasing changes the epoch: the name is gone, all others stay, and an older copy of the file is sealed for ever"
    )
    func erases() throws {
        let place = try PeoplePlace()
        let people = try place.open()
        let ann = try people.add(id: UUID(), name: "Ann", at: "")
        let bo = try people.add(id: UUID(), name: "Bo", uid: 3, at: "")
        let before = try place.image("before")
        #expect(try before.open().person(named: "Ann") == ann, "the control: with the old key the copy tells the name")
        #expect(try people.erase([ann.id], applied: 1) == 1)
        #expect(try people.all() == [bo] && people.erasuresApplied() == 1 && people.isRenderingDue())
        #expect(try place.keyFiles() == ["people.2.key"])
        #expect(try people.person(named: "bo") == bo && people.person(named: "Ann") == nil)
        // The old file with the keys of today.
        try FileManager.default.removeItem(atPath: before.keys)
        try FileManager.default.copyItem(atPath: place.keys, toPath: before.keys)
        #expect(try before.open().keyFault()?.code == .sealed)
        #expect(try people.erase([ann.id], applied: 1) == 0)
        #expect(try place.keyFiles() == ["people.2.key"], "erasing nobody changes no epoch")
    }
}

@Suite("Epochs under a crash")
struct EpochCrashTests {
    @Test("A crash at any step of an erasure leaves everybody else readable, and the next opening finishes")
    func crashes() throws {
        let place = try PeoplePlace()
        let ann = try place.open().add(id: UUID(), name: "Marker-Ann", at: "")
        let others = try (0..<20).map { try place.open().add(id: UUID(), name: "Other \($0)", at: "") }
        let images = Images()
        let people = try place.open { step in images.take(step, of: place) }
        try people.erase([ann.id], applied: 1)
        #expect(images.taken.count == EpochStep.allCases.count)
        for (step, image) in images.taken {
            let after = try image.open()
            #expect(after.keyFault() == nil, "\(step)")
            let names = Set(try after.all().map(\.name))
            #expect(names.isSuperset(of: others.map(\.name)), "\(step)")
            let isErased = try after.person(named: "Marker-Ann") == nil
            #expect(isErased == (step != .keyWritten && step != .rewrapped), "\(step)")
            #expect(try after.erasuresApplied() == (isErased ? 1 : 0), "\(step)")
            // What the log says is carried out again, and then every image ends alike.
            try after.erase([ann.id], applied: 1)
            #expect(try Set(after.all().map(\.name)) == Set(others.map(\.name)), "\(step)")
            #expect(try image.keyFiles().contains("people.1.key") == false, "\(step): the old key is left")
            #expect(try !image.holds("Marker-Ann"), "\(step)")
        }
    }

    @Test("The key of an erased name is told apart, and destroyed at the next opening if somebody brings it back")
    func broughtBack() throws {
        let place = try PeoplePlace()
        #expect(try People.keysOfOtherEpochs(["people.1.key"], path: place.path).isEmpty, "there may be a file later")
        let kim = UUID()
        let people = try place.open()
        _ = try people.add(id: kim, name: "Kim", at: "2026-01-01T00:00:00.000000Z")
        _ = try people.add(id: UUID(), name: "Lee", at: "2026-01-01T00:00:00.000000Z")
        let before = try place.image("before")
        try people.erase([kim], applied: 1)
        let names = ["log.key", "people.1.key", "people.2.key", "people.3.key", "people.x.key"]
        #expect(try People.keysOfOtherEpochs(names, path: place.path) == ["people.1.key", "people.3.key"])
        #expect(try People.keysOfOtherEpochs(names, path: before.path) == ["people.2.key", "people.3.key"])
        for name in ["people.1.key", "people.3.key"] {
            try FileManager.default.copyItem(atPath: "\(before.keys)/people.1.key", toPath: "\(place.keys)/\(name)")
        }
        #expect(try place.open().count() == 1)
        // One above the present is of a later state of the file, which may come back.
        #expect(try place.keyFiles() == ["people.2.key", "people.3.key"])
        #expect(try before.open().person(named: "Kim")?.id == kim, "the control: where it is in force it stays")
    }

    @Test("The control: a key destroyed before the transaction leaves nobody readable")
    func control() throws {
        let place = try PeoplePlace()
        let ann = try place.open().add(id: UUID(), name: "Ann", at: "")
        _ = try place.open().add(id: UUID(), name: "Bo", at: "")
        let images = Images()
        try place.open { step in if step == .rewrapped { images.take(step, of: place) } }.erase([ann.id], applied: 1)
        let image = try #require(images.taken.first?.1)
        try FileManager.default.removeItem(atPath: "\(image.keys)/people.1.key")
        #expect(try image.open().keyFault()?.code == .sealed)
    }

    @Test("A crash while the names of the first release are sealed leaves them as they were or sealed")
    func migration() throws {
        let place = try PeoplePlace()
        let old = try DatabaseQueue(path: place.path)
        try old.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE person (
                        id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE COLLATE NOCASE,
                        uid INTEGER UNIQUE, created_at TEXT NOT NULL
                    ) STRICT;
                    INSERT INTO person VALUES ('11111111-1111-4111-8111-111111111111', 'Ann', 1, '')
                    """
            )
        }
        try old.close()
        let images = Images()
        _ = try place.open { step in images.take(step, of: place) }
        #expect(!images.taken.isEmpty)
        for (step, image) in images.taken {
            #expect(try image.open().person(named: "Ann")?.uid == 1, "\(step)")
            #expect(try image.open().keyFault() == nil, "\(step)")
        }
    }
}

/// The crash images that a run took on its way.
private final class Images: @unchecked Sendable {
    private let lock = NSLock()
    private var images: [(EpochStep, PeoplePlace)] = []

    var taken: [(EpochStep, PeoplePlace)] { lock.withLock { images } }

    func take(_ step: EpochStep, of place: PeoplePlace) {
        guard let image = try? place.image(step.rawValue) else { return }
        lock.withLock { images.append((step, image)) }
    }

    @Test("A file whose tables are not ours is refused by name before a row is read")
    func foreignTables() throws {
        let folder = try TemporaryFolder("daybook-people")
        let path = folder.path("state.db")
        do {
            let people = try People(path: path, keys: folder.path("keys"))
            _ = try people.add(id: UUID(), name: "Anna", at: "2026-03-01T00:00:00.000000Z")
        }
        // What one flipped bit in the file does to a column's name.
        var bytes = try Data(contentsOf: URL(filePath: path))
        let range = try #require(bytes.range(of: Data("sealed_name BLOB NOT NULL,\n    uid".utf8)))
        bytes[range.lowerBound + 5] ^= 0x10
        try bytes.write(to: URL(filePath: path))
        let fault = #expect(throws: PeopleFault.self) { try People(path: path, keys: folder.path("keys")) }
        #expect(fault?.message == "data/state.db is damaged: its table person is not as this program makes it")
    }
}
