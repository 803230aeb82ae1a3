import Testing

/// Each rule is shown a violation, which it must find at its line, and the same done right, which it must let pass.
@Suite("Each house rule catches what it is for")
struct ControlTests {
    private func file(_ text: String, _ path: String = "Sources/EventStore/Sample.swift") -> SourceText {
        SourceText(path: path, text: text)
    }

    private func lines(_ findings: [Finding]) -> [Int] { findings.map(\.line) }

    @Test("Strings and comments are not code, interpolations are")
    func scanner() {
        let text = file(
            """
            let a = "try! // no" // try!
            /* try! /* nested */ try! */ let b = 1
            let c = "\\(try! f(")")) try!"
            let d = #"try! \\#(as! x)"#
            let e = ""\"
            try! "quoted" \\(as! y)
            ""\" as! z
            """
        )
        #expect(text.code.enumerated().filter { $0.element.contains("try!") }.map(\.offset) == [2])
        #expect(text.code.enumerated().filter { $0.element.contains("as!") }.map(\.offset) == [3, 5, 6])
        #expect(zip(text.code, text.lines).allSatisfy { $0.count == $1.count })
    }

    @Test("A file of 401 lines is found, one of 400 is not")
    func fileLength() {
        func lines(_ count: Int) -> SourceText { file(String(repeating: "let a = 1\n", count: count)) }
        #expect(Rules.fileLength(lines(401)).count == 1)
        #expect(Rules.fileLength(lines(400)).isEmpty)
    }

    @Test("A function of 71 lines is found at its first line, one of 70 is not")
    func functionLength() {
        func function(_ head: String, _ count: Int) -> SourceText {
            file("struct A {\n\(head)\n" + String(repeating: "    let a = \"}\"\n", count: count - 2) + "}\n}\n")
        }
        for head in [
            "func a() {", "init(_ a: Int = { 1 }()) throws {", "static func b<T>(_ t: T) -> Int where T: Equatable {",
        ] {
            #expect(lines(Rules.functionLength(function(head, 71))) == [2], "\(head)")
            #expect(Rules.functionLength(function(head, 70)).isEmpty, "\(head)")
        }
        let requirements = file("protocol A {\n" + String(repeating: "func a() throws -> Int\n", count: 100) + "}\n")
        #expect(Rules.functionLength(requirements).isEmpty)
    }

    @Test(
        "A banned call is found",
        arguments: [
            "let a = try! f()", "let a = b as! C", "fatalError(\"x\")", "keys.addUnsecuredNone()",
            "static let shared = A()", "Task { await f() }", "Task.detached { }",
            "Task(priority: .high) { }",
        ]
    )
    func bannedCalls(line: String) throws {
        #expect(lines(try Rules.bannedCalls(file("let ok = 1\n\(line)\n"))) == [2])
        #expect(try Rules.bannedCalls(file("// \(line)\n")).isEmpty)
    }

    @Test(
        "Waiting on time is found in tests",
        arguments: ["try await Task.sleep(for: .seconds(1))", "usleep(5)", "sleep(1)"]
    )
    func sleepingTests(line: String) throws {
        #expect(lines(try Rules.bannedCalls(file(line, "Tests/EventStoreTests/A.swift"))) == [1])
        #expect(try Rules.bannedCalls(file(line)).isEmpty)
    }

    @Test(
        "What only looks like a banned call passes",
        arguments: [
            "try f()", "b as? C", "preconditionFailure(\"x\")", "let asleep = 1", "TaskGroup { }", "group.addTask { }",
            "let sharedState = 1", "withTaskGroup { }", "func open() -> Task {", "extension Task {",
        ]
    )
    func allowedCalls(line: String) throws {
        #expect(try Rules.bannedCalls(file(line)).isEmpty)
        #expect(try Rules.bannedCalls(file("Task { }", "Tests/EventStoreTests/A.swift")).isEmpty)
    }

    @Test("A type named like its module is found")
    func moduleNames() throws {
        #expect(lines(try Rules.moduleNamedLikeType(file("\npublic struct EventStore {}"))) == [2])
        #expect(try Rules.moduleNamedLikeType(file("struct EventStoreError {}")).isEmpty)
    }

    @Test("Names that say nothing are found in types and in paths")
    func emptyNames() {
        for name in ["FileManager", "Core", "CommonThings", "DateUtils", "TestHelper"] {
            #expect(lines(Rules.emptyNames(file("\nstruct \(name) {}"))) == [2], "\(name)")
        }
        #expect(Rules.emptyNames(file("", "Sources/Core/A.swift")).count == 1)
        #expect(Rules.emptyNames(file("", "Tests/EventStoreTests/Helpers.swift")).count == 1)
        #expect(Rules.emptyNames(file("struct Score {}\nstruct Uncommon {}\nlet a = FileManager.default")).isEmpty)
    }

    @Test("A visible declaration without a documentation comment is found")
    func documentation() throws {
        let protocols = file("/// A thing.\npackage protocol P {\n    /// Reads.\n    func read() -> Int\n}")
        let rule = DocumentationRule(protocolsIn: [protocols])
        let bad = [
            "package struct A {", "public func a() {}", "package static var b: Int { 1 }", "public init() {}",
            "public let a: Int", "package init(a: Int) throws { self.a = try f(a) }", "package final class B {",
            "package init?(_ a: String) { nil }", "package func write() {}", "package static func f() {}",
        ]
        for line in bad {
            #expect(lines(rule.findings(file("\n    \(line)"))) == [2], "\(line)")
            #expect(rule.findings(file("    /// What it is.\n    \(line)")).isEmpty, "\(line)")
            #expect(rule.findings(file("/// What it is.\n@discardableResult\n\(line)")).isEmpty, "\(line)")
        }
        let good = [
            "package var description: String { a }", "struct A {}", "package import Glibc", "private let a = 1",
            "package let reason: String?", "package init(a: Int) { self.a = a }", "package func read() -> Int { 1 }",
            "package static func < (a: Self, b: Self) -> Bool { true }", "package init(stringLiteral a: String) {}",
        ]
        for line in good { #expect(rule.findings(file(line)).isEmpty, "\(line)") }
    }

    @Test("A path of one machine is found, a path beneath something is not")
    func machinePaths() throws {
        for place in ["work", "root", "home", "Users"] {
            #expect(lines(try Rules.machinePaths(file("\nlet a = \"/\(place)/x\"", "README.md"))) == [2])
            #expect(try Rules.machinePaths(file("\"\\(folder)/\(place)/x\" ../\(place)/ $A/\(place)/")).isEmpty)
        }
    }

    @Test("An import that the table does not name is found, in every spelling")
    func imports() {
        let table: [String: Set<String>] = ["EventStore": ["Crypto"], "RoutingDomain": []]
        for line in ["import GRDB", "@testable import GRDB", "package import GRDB", "internal import struct GRDB.Row"] {
            #expect(lines(Imports.violations(file("import Crypto\n\(line)"), table: table)) == [2], "\(line)")
        }
        #expect(Imports.violations(file("import Crypto\nimport Glibc\n// import GRDB"), table: table).isEmpty)
        let pure = file("import Glibc", "Sources/RoutingDomain/A.swift")
        #expect(lines(Imports.violations(pure, table: table)) == [1])
        #expect(!Imports.violations(file("", "Sources/Stranger/A.swift"), table: table).isEmpty)
        #expect(Imports.testingInSources(file("import EventStoreTesting")).count == 1)
        #expect(Imports.testingInSources(file("import EventStoreTesting", "Tests/A/B.swift")).isEmpty)
    }

    @Test("The dependencies of a manifest are read in each form that it uses")
    func packageTargets() throws {
        let manifest = """
            let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
            library("A", []), library("B", ["A", crypto]),
            library("C", ["B"], resources: [.copy("x")]),
            .executableTarget(name: "d", dependencies: ["A",
                crypto, "B"], swiftSettings: strict), .target(name: "E"),
            """
        let targets = try PackageTargets(manifest).dependencies
        #expect(targets == ["A": [], "B": ["A", "Crypto"], "C": ["B"], "d": ["A", "Crypto", "B"], "E": []])
    }
}
