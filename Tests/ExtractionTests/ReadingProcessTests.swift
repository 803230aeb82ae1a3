import CanonicalJSON
import Extraction
import Foundation
import PlantTables
import Testing

/// Drivers that crash, hang and fill the memory; a small library stands before the real one of SQLite.
struct ReadingProcessTests {
    private static let sql = """
        CREATE TABLE ItemMaster (ITEM_CD TEXT, ITEM_NM TEXT);
        INSERT INTO ItemMaster VALUES ('A', 'one'), ('B', 'two'), ('C', 'stop');
        CREATE TABLE RoutingOperation (ITEM_CD TEXT, OP_SEQ INTEGER, OP_CD TEXT);
        """

    /// A driver that is SQLite's but for what it does when it has given the text `stop`; nil where it cannot be made here.
    private func driver(_ setting: ExtractionSetting, _ deed: String) throws -> String? {
        let real = "/usr/lib/x86_64-linux-gnu/odbc/libsqlite3odbc.so"
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/gcc"), FileManager.default.fileExists(atPath: real)
        else {
            print("skipped: no gcc, or no SQLite driver")
            return nil
        }
        let code = """
            #include <dlfcn.h>
            #include <sqlext.h>
            #include <signal.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            #include <unistd.h>
            typedef SQLRETURN (*get)(SQLHSTMT, SQLUSMALLINT, SQLSMALLINT, SQLPOINTER, SQLLEN, SQLLEN *);
            SQLRETURN SQLGetData(SQLHSTMT s, SQLUSMALLINT c, SQLSMALLINT t, SQLPOINTER v, SQLLEN n, SQLLEN *l) {
                get real = (get)dlsym(dlopen("\(real)", RTLD_NOW), "SQLGetData");
                SQLRETURN code = real(s, c, t, v, n, l);
                if (t == SQL_C_CHAR && n > 4 && *l == 4 && memcmp(v, "stop", 4) == 0) { \(deed) }
                return code;
            }
            """
        let path = "\(setting.folder)/driver"
        try code.write(toFile: "\(path).c", atomically: true, encoding: .utf8)
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/gcc")
        compiler.arguments = [
            "-shared", "-fPIC", "-o", "\(path).so", "\(path).c", "-Wl,--no-as-needed",
            "-L/usr/lib/x86_64-linux-gnu/odbc",
            "-l:libsqlite3odbc.so", "-Wl,-rpath,/usr/lib/x86_64-linux-gnu/odbc", "-ldl",
        ]
        try compiler.run()
        compiler.waitUntilExit()
        return try #require(compiler.terminationStatus == 0 ? "\(path).so" : nil, "the driver is compiled")
    }

    private func end(_ deed: String, _ limits: ExtractionLimits = ExtractionLimits()) async throws -> ExtractionFault? {
        let setting = try ExtractionSetting()
        guard let library = try driver(setting, deed) else { return nil }
        let path = try setting.sqlite("p.db", Self.sql)
        let source = try SourceDescription(.sqlite, at: path, driverLibrary: library)
        let found = try await fault { try await setting.extraction(limits).run(source, .plantSchema) }
        #expect(found.driver == "SQLite3")
        #expect(found.file == path)
        return found
    }

    @Test func `the same library without a deed reads every row`() async throws {
        let setting = try ExtractionSetting()
        guard let library = try driver(setting, ";") else { return }
        let path = try setting.sqlite("p.db", Self.sql)
        let source = try SourceDescription(.sqlite, at: path, driverLibrary: library)
        #expect(try await setting.extraction().run(source, .plantSchema).tables["ItemMaster"]?.rowCount == 3)
    }

    @Test func `a driver that crashes is named with its table, column, row and last words`() async throws {
        let words = "UID=app; Pwd = sesame;page 733 is bad"
        guard let found = try await end("fprintf(stderr, \"\(words)\\n\"); raise(SIGSEGV);") else { return }
        #expect(found.code == .crashed)
        #expect(found.message.contains("signal 11"))
        #expect(found.message.contains("row 3"))
        #expect(found.table == "ItemMaster")
        #expect(found.column == "ITEM_NM")
        #expect(found.errorTail == "UID=app; Pwd = …;page 733 is bad")
    }

    @Test func `a driver that ends the process, or prints among the answers, is a fault and no result`() async throws {
        guard let left = try await end("exit(0);") else { return }
        #expect(left.code == .broken)
        let setting = try ExtractionSetting()
        let library = try #require(try driver(setting, "printf(\"noise\\n\"); fflush(stdout);"))
        let path = try setting.sqlite("p.db", Self.sql)
        let source = try SourceDescription(.sqlite, at: path, driverLibrary: library)
        let found = try await setting.extraction().run(source, .plantSchema)
        #expect(found.tables["ItemMaster"]?.rowCount == 3)
        #expect(found.errorTail == "noise")
        #expect(found.issues.contains { $0.kind == .driverWords })
    }

    @Test func `a driver that hangs is ended in time`() async throws {
        guard let found = try await end("pause();", ExtractionLimits(stallSeconds: 1)) else { return }
        #expect(found.code == .timedOut)
        #expect(found.column == "ITEM_NM")
    }

    @Test func `a driver that fills the memory ends its own process`() async throws {
        let deed = "for (;;) { char *more = malloc(1 << 20); memset(more, 1, 1 << 20); }"
        guard let found = try await end(deed, ExtractionLimits(memoryBytes: 1 << 30)) else { return }
        #expect(found.code == .crashed)
    }

    @Test func `a driver that never ends its work is ended by the processor's limit`() async throws {
        let limits = ExtractionLimits(seconds: 100, stallSeconds: 100, processorSeconds: 1)
        guard let found = try await end("for (;;) {}", limits) else { return }
        #expect(found.code == .crashed)
        #expect(found.hint.contains("processor"))
    }

    @Test func `a cancelled extraction ends its process and leaves nothing`() async throws {
        let setting = try ExtractionSetting()
        guard
            let library = try driver(
                setting,
                "FILE *f = fopen(getenv(\"HOME\"), \"a\"); (void)f; fprintf(stderr, \"here\\n\"); pause();"
            )
        else { return }
        let path = try setting.sqlite("p.db", Self.sql)
        let source = try SourceDescription(.sqlite, at: path, driverLibrary: library)
        let extraction = setting.extraction()
        let files = try FileManager.default.contentsOfDirectory(atPath: setting.folder).sorted()
        let task = Task { try await extraction.run(source, .plantSchema) }
        // Until its process reads the source's copy.
        while try FileManager.default.contentsOfDirectory(atPath: setting.folder).count == files.count {
            await Task.yield()
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try FileManager.default.contentsOfDirectory(atPath: setting.folder).sorted() == files)
    }

    @Test func `a reading process ends with its parent, even within a driver that hangs`() async throws {
        let setting = try ExtractionSetting()
        guard let library = try driver(setting, "fprintf(stderr, \"here\\n\"); for (;;) pause();") else { return }
        let path = try setting.sqlite("p.db", Self.sql)
        let request: JSONValue = [
            "source": ["kind": "sqlite", "location": .string(path), "library": .string(library), "keywords": [:]],
            "profile": SourceProfile.plantSchema.json,
        ]
        let process = Process()
        let (life, errors) = (Pipe(), Pipe())
        process.executableURL = URL(filePath: ExtractionSetting.program)
        process.arguments = ["extract"]
        process.standardInput = life
        process.standardOutput = FileHandle.nullDevice
        process.standardError = errors
        try process.run()
        let body = try request.canonicalBytes()
        try life.fileHandleForWriting.write(
            contentsOf: withUnsafeBytes(of: UInt32(body.count)) { Data($0) } + Data(body)
        )
        #expect(String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self).contains("here"))
        #expect(process.isRunning)
        try life.fileHandleForWriting.close()
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
    }
}
