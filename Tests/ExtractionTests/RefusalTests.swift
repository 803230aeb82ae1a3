import CanonicalJSON
import Extraction
import Foundation
import PlantTables
import Synchronization
import Testing

/// Sources that are not to be read: each names what is wrong and what to do, and leaves nothing behind.
struct RefusalTests {
    private static let fixture = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures/traps.accdb").path

    /// The fault of a file with these bytes, and what is left in the scratch folder.
    private func refusal(_ name: String, _ bytes: [UInt8]) async throws -> ExtractionFault {
        let setting = try ExtractionSetting()
        let path = "\(setting.folder)/\(name)"
        try Data(bytes).write(to: URL(filePath: path))
        let found = try await fault { try await setting.extraction().run(SourceDescription(words: path), .plantSchema) }
        #expect(found.file == path)
        #expect(!found.hint.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: setting.folder) == [name])
        return found
    }

    private func bytes() throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: Self.fixture))) }

    @Test func `the untouched file is read`() async throws {
        let setting = try ExtractionSetting()
        let found = try await setting.extraction().run(SourceDescription(words: Self.fixture), .plantSchema)
        #expect(found.tables["ItemMaster"]?.rowCount == 8)
        #expect(try FileManager.default.contentsOfDirectory(atPath: setting.folder).isEmpty)
    }

    @Test func `a missing file is missing`() async throws {
        let found = try await fault { try SourceDescription(words: "/nowhere/plant.accdb") }
        #expect(found.code == .missing)
        let setting = try ExtractionSetting()
        let gone = try SourceDescription(.access, at: "\(setting.folder)/gone.accdb")
        let later = try await fault { try await setting.extraction().run(gone, .plantSchema) }
        #expect(later.code == .missing)
        #expect(later.driver == "MDBTools")
    }

    @Test func `a file without bytes is refused`() async throws {
        #expect(try await refusal("plant.accdb", []).code == .empty)
        #expect(try await refusal("plant.db", []).code == .empty)
    }

    @Test func `a file that ends within a page is refused`() async throws {
        let found = try await refusal("plant.accdb", Array(try bytes().dropLast(1000)))
        #expect(found.code == .truncated)
    }

    @Test func `a file of which pages are missing is never read with fewer rows`() async throws {
        let whole = try bytes()
        for pages in stride(from: 4, to: whole.count / 4096, by: 7) {
            let setting = try ExtractionSetting()
            let path = "\(setting.folder)/plant.accdb"
            try Data(whole[..<(pages * 4096)]).write(to: URL(filePath: path))
            do {
                let found = try await setting.extraction().run(SourceDescription(words: path), .plantSchema)
                #expect(found.tables["ItemMaster"]?.rowCount == 8, "\(pages) pages")
                #expect(found.tables["RoutingOperation"]?.rowCount == 21, "\(pages) pages")
            } catch let fault as ExtractionFault {
                #expect(!fault.message.isEmpty)
            }
        }
    }

    @Test func `a protected file is refused, by its third page`() async throws {
        var bytes = try bytes()
        bytes[8192] = 0x91
        #expect(try await refusal("plant.accdb", bytes).code == .encrypted)
    }

    @Test func `the protected file of another program is refused`() async throws {
        guard let path = ExtractionSetting.shared("db2013-enc.accdb") else { return }
        let setting = try ExtractionSetting()
        let found = try await fault { try await setting.extraction().run(SourceDescription(words: path), .plantSchema) }
        #expect(found.code == .encrypted)
    }

    @Test func `the old encoding is read`() async throws {
        guard let path = ExtractionSetting.shared("db97-enc.mdb") else { return }
        let setting = try ExtractionSetting()
        #expect(try await !setting.extraction().catalogue(SourceDescription(words: path)).tables.isEmpty)
    }

    @Test func `a file of another kind is refused`() async throws {
        #expect(try await refusal("plant.accdb", Array("hello, this is a text\n".utf8)).code == .wrongFormat)
        #expect(try await refusal("plant.db", Array("hello, this is a text\n".utf8)).code == .wrongFormat)
    }

    @Test func `a folder, a pipe and a strange scheme are no databases`() async throws {
        let setting = try ExtractionSetting()
        let folder = try await fault {
            try await setting.extraction().run(SourceDescription(.access, at: setting.folder), .plantSchema)
        }
        #expect(folder.code == .wrongFormat)
        let pipe = "\(setting.folder)/pipe.accdb"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(try await fault { try SourceDescription(words: pipe) }.code == .wrongFormat)
        #expect(try await fault { try SourceDescription(words: "oracle://plant") }.code == .badDescription)
    }

    @Test func `a file that may not be read is not allowed`() async throws {
        guard getuid() != 0 else {
            print("skipped: root may read every file")
            return
        }
        let setting = try ExtractionSetting()
        let path = try setting.sqlite("plant.db", "CREATE TABLE x (y)")
        #expect(chmod(path, 0) == 0)
        #expect(try await fault { try SourceDescription(words: path) }.code == .notAllowed)
    }

    @Test func `a source that others write to is locked`() async throws {
        let setting = try ExtractionSetting()
        let path = "\(setting.folder)/plant.accdb"
        try FileManager.default.copyItem(atPath: Self.fixture, toPath: path)
        let file = open(path, O_RDWR | O_CLOEXEC)
        #expect(flock(file, LOCK_EX) == 0)
        let source = try SourceDescription(words: path)
        let found = try await fault { try await setting.extraction().run(source, .plantSchema) }
        #expect(found.code == .locked)
        #expect(found.isTransient)
        // By name, as a process that is just being started by another test may hold a copy of the descriptor.
        #expect(flock(file, LOCK_UN) == 0)
        close(file)
        #expect(try await setting.extraction().run(source, .plantSchema).facts.count == 2)
    }

    @Test func `a source that is locked for a moment is tried again, one that is no database is not`() async throws {
        let setting = try ExtractionSetting()
        let path = "\(setting.folder)/plant.accdb"
        try FileManager.default.copyItem(atPath: Self.fixture, toPath: path)
        let file = open(path, O_RDWR | O_CLOEXEC)
        #expect(flock(file, LOCK_EX) == 0)
        let source = try SourceDescription(words: path)
        let pauses = [Duration](repeating: .zero, count: 3)
        let attempts = Mutex<[Int]>([])
        let stuck = try await fault {
            try await setting.extraction().runPatiently(
                source,
                .plantSchema,
                pauses: pauses,
                told: { delay in attempts.withLock { $0.append(delay.attempt) } }
            )
        }
        #expect(stuck.code == .locked && attempts.withLock { $0 } == [2, 3, 4], "the control: nobody lets go")
        let found = try await setting.extraction().runPatiently(source, .plantSchema, pauses: pauses) { delay in
            #expect(delay.fault.code == .locked)
            if delay.attempt == 3 { _ = flock(file, LOCK_UN) }
        }
        #expect(found.facts.count == 2)
        close(file)
        let wrong = "\(setting.folder)/wrong.accdb"
        try Data("not a database".utf8).write(to: URL(filePath: wrong))
        attempts.withLock { $0 = [] }
        _ = try await fault {
            try await setting.extraction().runPatiently(
                try SourceDescription(.access, at: wrong),
                .plantSchema,
                pauses: pauses,
                told: { delay in attempts.withLock { $0.append(delay.attempt) } }
            )
        }
        #expect(attempts.withLock { $0 }.isEmpty)
    }

    @Test func `signs and keywords that change a connection are refused`() async throws {
        for path in ["/p/a;b.accdb", "/p/{x}.accdb", "/p/a\nb.accdb"] {
            #expect(try await fault { try SourceDescription(.access, at: path) }.code == .badDescription)
        }
        for name in ["Trace", "DBQ", "ReadOnly", "Pwd"] {
            let found = try await fault { try SourceDescription(.access, at: "/p/a.accdb", keywords: [name: "1"]) }
            #expect(found.code == .badDescription)
        }
        let secret = try await fault {
            try SourceDescription(.postgresql, at: "db", keywords: ["Pwd": "hidden;ReadOnly=0"])
        }
        #expect(!secret.description.contains("hidden"))
        let shown = try SourceDescription(
            .postgresql,
            at: "db",
            keywords: ["Uid": "app", "Pwd": "hidden", "Database": "p"]
        )
        #expect(!shown.shown.contains("hidden"))
        #expect(!shown.json.prettyText.contains("hidden"))
    }

    @Test(
        arguments: [
            "postgresql://a:hidden@db/p", "postgresql://a@db:1/p?password=hidden", "postgres://a@db/p?x=hidden",
            "postgresql://a@db/p#hidden", "postgresql://a%3Ahidden@db/p", "postgresql://a@db:hidden/p",
            "postgresql:a:hidden@db/p", "Driver=x;Server=db;Pwd = hidden", "host=db password=hidden",
        ]
    )
    func `a password in the words of a source is refused and not repeated`(_ words: String) async throws {
        let found = try await fault { try SourceDescription(words: words) }
        #expect(found.code == .badDescription && found.hint.contains("DAYBOOK_SOURCE_PASSWORD"), "\(found)")
        #expect(!found.json.prettyText.contains("hidden"))
        let control = try SourceDescription(words: "postgresql://a@db:5432/p", password: "hidden")
        #expect(control.keywords == ["Uid": "a", "Port": "5432", "Database": "p", "Pwd": "hidden"])
    }

    @Test func `a driver that is absent, of another width, or no library is explained before anything is loaded`()
        async throws
    {
        let setting = try ExtractionSetting()
        let path = try setting.sqlite("plant.db", "CREATE TABLE x (y)")
        func refusal(_ bytes: [UInt8]?) async throws -> ExtractionFault {
            let library = "\(setting.folder)/driver.so"
            try? FileManager.default.removeItem(atPath: library)
            if let bytes { try Data(bytes).write(to: URL(filePath: library)) }
            let source = try SourceDescription(.sqlite, at: path, driverLibrary: library)
            return try await fault { try await setting.extraction().run(source, .plantSchema) }
        }
        #expect(try await refusal(nil).code == .driverMissing)
        #expect(try await refusal(Array("no library, by far".utf8)).code == .driverUnfit)
        var head: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 1, 1, 1] + [UInt8](repeating: 0, count: 13)
        let narrow = try await refusal(head)
        #expect(narrow.code == .driverUnfit)
        #expect(narrow.message.contains("32 bits"))
        head[4] = 2
        head[18] = 21
        #expect(try await refusal(head).message.contains("another processor"))
    }
}
