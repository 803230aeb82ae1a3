import Foundation
import Testing

@Suite("The house rules hold in every file")
struct HouseRuleTests {
    private func check(_ rule: (SourceText) throws -> [Finding]) throws {
        let files = try Checkout.swiftFiles()
        try #require(files.count > 20, "the checkout is found")
        expectNone(try files.flatMap(rule))
    }

    @Test("Files are at most 400 lines long")
    func fileLength() throws { try check(Rules.fileLength) }

    @Test("Functions are at most 70 lines long")
    func functionLength() throws { try check(Rules.functionLength) }

    @Test("No banned call is used")
    func bannedCalls() throws { try check(Rules.bannedCalls) }

    @Test("No type is named like its module")
    func moduleNames() throws { try check(Rules.moduleNamedLikeType) }

    @Test("No name says nothing")
    func emptyNames() throws { try check(Rules.emptyNames) }

    @Test("Every declaration that other targets see is documented")
    func documentation() throws { try check(DocumentationRule(protocolsIn: Checkout.swiftFiles()).findings) }

    @Test("No tracked file names a path of one machine")
    func machinePaths() throws { expectNone(try Checkout.files().flatMap(Rules.machinePaths)) }

    @Test("Every source file imports only what the table allows")
    func importTable() throws { try check { Imports.violations($0, table: Imports.table) } }

    @Test("Every source file imports only what Package.swift declares for its target")
    func importsAreDeclared() throws {
        let declared = try PackageTargets(manifest()).dependencies
        try check { Imports.violations($0, table: declared) }
    }

    @Test("What is published for tests is imported by tests only")
    func testingInSources() throws { try check(Imports.testingInSources) }

    @Test("Package.swift gives no target more than the table allows, and the table no target that is gone")
    func packageFollowsTable() throws {
        let declared = try PackageTargets(manifest()).dependencies
        for (target, modules) in declared where !Imports.shims.contains(target) {
            let allowed = try #require(Imports.table[target], "the table has no row for \(target)")
            #expect(modules.subtracting(allowed).isEmpty, "\(target) depends on \(modules.subtracting(allowed))")
        }
        #expect(Set(Imports.table.keys).subtracting(declared.keys).isEmpty)
    }

    private func manifest() throws -> String {
        try String(contentsOf: Checkout.root.appendingPathComponent("Package.swift"), encoding: .utf8)
    }
}
