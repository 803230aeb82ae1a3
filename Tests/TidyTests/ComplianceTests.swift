import Testing

/// The tests that docs/compliance.md names stand where it says, so that a renamed one cannot leave the page behind.
@Suite("The page on compliance names tests that exist")
struct ComplianceTests {
    private static let path = "docs/compliance.md"

    @Test("Each test that a line names stands in its target, beside its suite")
    func namesAreTests() throws {
        let files = try Checkout.files()
        let page = try #require(files.first { $0.path == Self.path }, "the page is there")
        #expect(CompliancePage.rows(page).count > 30, "the tables are found")
        expectNone(CompliancePage.missing(page, in: files))
    }

    @Test("Each line names a test, or says what is not covered")
    func linesSaySomething() throws {
        let page = try #require(try Checkout.files().first { $0.path == Self.path }, "the page is there")
        expectNone(CompliancePage.silent(page))
    }

    @Test("A made-up name is found, and so are another target or suite, and a line that says nothing")
    func controls() {
        let suite = SourceText(
            path: "Tests/ProofsTests/SampleTests.swift",
            text: "struct SampleTests {\n@Test(\n    \"It is so\",\n    arguments: [1]\n)\nfunc a() {}\n}"
        )
        func page(_ cell: String) -> SourceText {
            SourceText(path: Self.path, text: "| clause | shown by |\n|---|---|\n| (a) | \(cell) |")
        }
        func lines(_ cell: String) -> [Int] { CompliancePage.missing(page(cell), in: [suite]).map(\.line) }
        #expect(lines("`ProofsTests/SampleTests` \"It is so\"").isEmpty)
        for cell in [
            "`ProofsTests/SampleTests` \"It is not so\"", "`ProofsTests/SampleTests` \"It is\"",
            "`EventStoreTests/SampleTests` \"It is so\"", "`ProofsTests/OtherTests` \"It is so\"", "\"It is so\"",
        ] {
            #expect(lines(cell) == [3], "\(cell)")
        }
        #expect(CompliancePage.silent(page("nothing")).map(\.line) == [3])
        #expect(CompliancePage.silent(page("**not covered**: training")).isEmpty)
    }
}

/// What the tables of the page say about tests.
private enum CompliancePage {
    /// The lines of its tables, without heads and rules, by their number from 1.
    static func rows(_ page: SourceText) -> [(line: Int, text: String)] {
        page.lines.enumerated().filter {
            $0.element.hasPrefix("| ") && !$0.element.hasPrefix("| clause |")
        }.map { ($0.offset + 1, $0.element) }
    }

    /// Every quoted name that no test of the named target and suite has.
    static func missing(_ page: SourceText, in files: [SourceText]) -> [Finding] {
        let tests = Set(files.filter { $0.isTest && $0.isSwift }.flatMap(Self.tests))
        let quote = /(?:`(\w+\/\w+)` )?"([^"]*)"/
        return rows(page).flatMap { line, text in
            text.matches(of: quote).compactMap { match in
                let name = "\(match.output.1 ?? "no target") \(match.output.2)"
                return tests.contains(name) ? nil : Finding(path: page.path, line: line, message: "no test: \(name)")
            }
        }
    }

    /// Every line that names no test and does not say that the clause is not covered.
    static func silent(_ page: SourceText) -> [Finding] {
        rows(page).filter { !$0.text.contains("\"") && !$0.text.contains("**not covered**") }.map {
            Finding(path: page.path, line: $0.line, message: "names no test, and does not say that it is not covered")
        }
    }

    /// The tests of a file, each as `Target/Suite name`; a file of several suites gives each name under all of them.
    private static func tests(_ file: SourceText) -> [String] {
        let text = file.lines.joined(separator: "\n")
        let suites = text.matches(of: /\bstruct (\w+)/).map(\.output.1)
        let names = text.matches(of: /@Test\(\s*"([^"]*)"/).map(\.output.1)
        return suites.flatMap { suite in names.map { "\(file.target ?? "")/\(suite) \($0)" } }
    }
}
