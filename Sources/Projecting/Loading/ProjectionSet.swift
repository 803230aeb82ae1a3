internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Foundation
internal import GRDBSQLite

/// All projections and migrations of a program, read and checked as one whole.
///
/// It exists only if every rule of design section "Projections are SQL" holds in every file: nothing is applied before.
package struct ProjectionSet: Sendable {
    /// The projections in the order of their names.
    package let projections: [Projection]
    /// The migrations in the order of their numbers.
    package let migrations: [Migration]
    /// The views, in the order of their making, as `(name, statement)`.
    let views: [(name: String, sql: String)]
    /// Every object of the migrated database, for finding a registry that somebody reshaped.
    let shape: Set<[String]>

    /// The folders beside each other that ship with the program.
    private static let bundleName = "daybook_Projecting.resources"

    /// The projections that ship with the program: beside the executable where it is installed, else where it was built.
    package static func bundled() throws(ProjectingFault) -> ProjectionSet {
        try load(projections: "\(programFolder)/projections", migrations: "\(programFolder)/migrations")
    }

    /// Every broken rule of the projections that ship with this program; empty when all hold.
    package static func bundledFaults() throws(ProjectingFault) -> [CheckFault] {
        try check(projections: "\(programFolder)/projections", migrations: "\(programFolder)/migrations").faults
    }

    /// The folder of everything that ships with the program.
    static var programFolder: String {
        let beside = Bundle.main.bundleURL.appendingPathComponent(bundleName).path
        return FileManager.default.fileExists(atPath: beside) ? beside : Bundle.module.bundlePath
    }

    /// Reads and checks two folders.
    ///
    /// Throws ``ProjectingFault/Code/projectionRefused`` naming file and line of the first broken rule, and how many more
    /// there are; ``check(projections:migrations:)`` lists them all.
    package static func load(projections: String, migrations: String) throws(ProjectingFault) -> ProjectionSet {
        let (set, faults) = try check(projections: projections, migrations: migrations)
        guard let set, faults.isEmpty else {
            let first = faults.first?.description ?? "the folder \(projections) holds no projection"
            let others = faults.count > 1 ? " and \(faults.count - 1) more" : ""
            throw ProjectingFault(
                .projectionRefused,
                first + others,
                hint: "`daybook projections check` lists every fault; nothing was applied"
            )
        }
        return set
    }

    /// Reads and checks two folders and lists every rule that is broken; the set is nil unless the list is empty.
    ///
    /// Throws only when a folder cannot be read.
    package static func check(
        projections: String,
        migrations: String
    ) throws(ProjectingFault) -> (set: ProjectionSet?, faults: [CheckFault]) {
        let migrationFiles = try SourceFolder.files(of: migrations)
        let folders = try SourceFolder.folders(of: projections)
        let checker = try ProjectionChecker()
        checker.apply(migrationFiles, projectionNames: Set(folders.map(\.name)))
        // Without tables every handler would be refused too, which would bury the one fault that matters.
        guard checker.faults.isEmpty else { return (nil, checker.faults) }
        var all: [Projection] = []
        for folder in folders {
            if let projection = checker.projection(folder.name, files: folder.files) { all.append(projection) }
        }
        checker.checkViews()
        guard checker.faults.isEmpty, !all.isEmpty else { return (nil, checker.faults) }
        let set = ProjectionSet(
            projections: all,
            migrations: checker.migrations,
            views: checker.objects.filter { $0.type == "view" }.map { ($0.name, $0.sql) },
            shape: checker.shape
        )
        return (set, [])
    }

    /// The projection of a name, or nil.
    package func projection(_ name: String) -> Projection? { projections.first { $0.name == name } }

    /// The projection that owns a table, with the table's shape, or nil.
    package func owner(ofTable name: String) -> (projection: Projection, table: TableShape)? {
        for projection in projections {
            if let table = projection.tables.first(where: { $0.name == name }) { return (projection, table) }
        }
        return nil
    }

    /// The projection of a name, or a fault that lists the known ones.
    func named(_ name: String) throws(ProjectingFault) -> Projection {
        if let projection = projection(name) { return projection }
        let known = projections.map(\.name).joined(separator: ", ")
        throw ProjectingFault(.unknownName, "there is no projection \"\(name)\"", hint: "known: \(known)")
    }
}

/// A file of a projection or migration folder as it was read.
struct SourceFile {
    let name: String
    let bytes: [UInt8]

    var sha256: String { SHA256.hash(data: bytes).hexadecimal }
}

/// Reads the folders of SQL files; hidden files are passed over, anything else unexpected is left for the checks.
enum SourceFolder {
    static func files(of path: String) throws(ProjectingFault) -> [SourceFile] {
        var files: [SourceFile] = []
        for name in try names(in: path) {
            var isFolder: ObjCBool = false
            let full = "\(path)/\(name)"
            guard FileManager.default.fileExists(atPath: full, isDirectory: &isFolder), !isFolder.boolValue else {
                continue
            }
            do {
                files.append(SourceFile(name: name, bytes: try DurableFile.read(full, limit: 1 << 20)))
            } catch {
                throw ProjectingFault(.missing, error.description, hint: error.hint, cause: error)
            }
        }
        return files
    }

    static func folders(of path: String) throws(ProjectingFault) -> [(name: String, files: [SourceFile])] {
        var folders: [(String, [SourceFile])] = []
        for name in try names(in: path) {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder), isFolder.boolValue
            else { continue }
            folders.append((name, try files(of: "\(path)/\(name)")))
        }
        return folders
    }

    private static func names(in path: String) throws(ProjectingFault) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }.sorted()
        } catch {
            throw ProjectingFault(
                .missing,
                "cannot read the folder \(path)",
                hint: "it ships with the program; install the program again",
                cause: error
            )
        }
    }
}
