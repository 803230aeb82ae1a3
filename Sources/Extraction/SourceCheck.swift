package import CanonicalJSON
internal import DurableFiles
internal import Glibc

/// What stands between a source and its extraction, each finding with its fix.
package struct SourceCheck: Sendable {
    /// One thing that was looked at.
    package struct Finding: Sendable, Equatable {
        /// How it stands.
        package enum State: String, Sendable {
            case good
            /// Nothing stops, but somebody is to know.
            case note
            case bad
        }

        package let state: State
        /// What was looked at, in a word or two.
        package let subject: String
        package let found: String
        /// What to do; empty where nothing is.
        package let fix: String
    }

    package private(set) var findings: [Finding] = []
    /// The tables that are read, where the mapping fits.
    package private(set) var resolved: ResolvedProfile?

    /// Whether an extraction can be tried.
    package var isGood: Bool { !findings.contains { $0.state == .bad } }

    /// Looks at the driver, the place, the file, the mapping and every row, in this order, as far as each lets one come.
    package static func run(
        _ source: SourceDescription,
        _ profile: SourceProfile,
        by extraction: Extractor
    ) async throws -> SourceCheck {
        var check = SourceCheck()
        check.driver(source)
        check.manager(source)
        if source.isLocal { check.place(source) }
        guard check.isGood else { return check }
        do {
            let catalogue = try await extraction.catalogue(source)
            check.note(.good, "tables", catalogue.tables.map(\.fullName).joined(separator: ", "))
            if catalogue.tables.isEmpty {
                check.note(
                    .bad,
                    "tables",
                    "the source shows none",
                    "it is empty, damaged, or protected: open it in its own program"
                )
            } else {
                try check.mapping(profile, catalogue, source)
                check.rows(try await extraction.run(source, profile), source)
            }
        } catch let fault as ExtractionFault {
            check.note(fault, subject: "reading")
        }
        return check
    }

    private mutating func note(_ state: Finding.State, _ subject: String, _ found: String, _ fix: String = "") {
        findings.append(Finding(state: state, subject: subject, found: found, fix: fix))
    }

    private mutating func note(_ fault: ExtractionFault, subject: String) {
        let tail = fault.errorTail.map { "; the driver wrote: \($0.suffix(200))" } ?? ""
        note(.bad, subject, fault.message + tail, fault.hint)
    }

    private mutating func driver(_ source: SourceDescription) {
        do {
            guard let library = try DriverLibrary.find(for: source) else {
                return note(.good, "driver", "none is needed for CSV")
            }
            note(.good, "driver", "\(library.name), \(Int.bitWidth)-bit, \(library.path)")
        } catch {
            note(error, subject: "driver")
        }
    }

    /// The driver manager can be told to write every call to a file, with passwords; our reading process takes no such setting.
    private mutating func manager(_ source: SourceDescription) {
        guard source.driverName != nil, let bytes = try? DurableFile.read("/etc/odbcinst.ini", limit: 1 << 20) else {
            return
        }
        let lines = String(decoding: bytes, as: UTF8.self).lowercased().split(separator: "\n")
            .map { $0.filter { !$0.isWhitespace } }
        guard lines.contains(where: { ["trace=1", "trace=yes", "trace=on", "trace=y"].contains($0) }) else { return }
        note(
            .note,
            "driver manager",
            "/etc/odbcinst.ini has tracing on: other programs write their passwords to its file",
            "set Trace=No there; this program does not read it"
        )
    }

    private mutating func place(_ source: SourceDescription) {
        do {
            let path = source.location
            let form = try FileForm(at: path)
            guard source.kind != .csv else {
                if form.kind == .folder { note(.good, "files", try CSVFiles.names(in: path).joined(separator: ", ")) }
                return
            }
            guard form.kind == .plain else { throw SourceHeader.notPlain(path) }
            let file = try FileDescriptor.open(path, O_RDONLY)
            note(.good, "file", "\(path), \(form.size) bytes, may be read")
            let header = try file.read(limit: SourceHeader.size)
            try SourceHeader.check(header, fileSize: form.size, source.kind, path: path)
            note(.good, "header", "a whole \(source.kind == .access ? "Access" : "SQLite") file without a password")
            let lock =
                path.hasSuffix(".mdb") ? String(path.dropLast(4)) + ".ldb" : path.replacing(".accdb", with: ".laccdb")
            if source.kind == .access, lock != path, access(lock, F_OK) == 0 {
                note(
                    .note,
                    "in use",
                    "\(lock) lies beside it: somebody has the file open, or Access once crashed",
                    "a copy is read, and refused if the file changes meanwhile; close Access for the latest rows"
                )
            }
        } catch {
            note(SourceHeader.fault(error, source.location), subject: "file")
        }
    }

    private mutating func mapping(
        _ profile: SourceProfile,
        _ catalogue: SourceCatalogue,
        _ source: SourceDescription
    ) throws(ExtractionFault) {
        let resolved = try profile.resolved(in: catalogue, source.kind)
        self.resolved = resolved
        for table in resolved.tables {
            var words = "\(table.columns.count) columns of \(table.source.fullName)"
            if !table.absent.isEmpty { words += "; it has no \(table.absent.joined(separator: ", "))" }
            note(.good, table.mapping.name, words)
            let converted = table.columns.filter { $0.unit != $0.mapping.unit }
            for column in converted {
                note(
                    .note,
                    "\(table.mapping.name).\(column.mapping.name)",
                    "\(column.source.name) is taken to be in \(column.unit?.rawValue ?? ""), and converted",
                    "where that is wrong, name the unit in a profile"
                )
            }
            if !table.unreadable.isEmpty {
                note(
                    .note,
                    table.mapping.name,
                    "of a type that the driver does not read: \(table.unreadable.joined(separator: ", "))",
                    "copy the column into one of text or numbers where it is needed"
                )
            }
        }
        for table in profile.tables where resolved.leftOut[table.name] == nil {
            guard !resolved.tables.contains(where: { $0.mapping.name == table.name }) else { continue }
            note(.note, table.name, "the source has no such table", "map it by a profile where it is needed")
        }
        for (name, why) in resolved.leftOut.sorted(by: { $0.key < $1.key }) {
            note(.note, name, "left out: the source lacks \(why)", "map it by a profile where it is needed")
        }
    }

    private mutating func rows(_ found: Extracted, _ source: SourceDescription) {
        note(.good, "rows", found.facts.map { "\($0.rows) of \($0.name)" }.joined(separator: ", "))
        for issue in found.issues {
            let subject = [issue.table, issue.column].compactMap(\.self).joined(separator: ".")
            let fix =
                issue.kind == .badText ? Dialect(source.kind).textHint : "correct it in the source where it matters"
            note(.note, subject.isEmpty ? "driver" : subject, issue.told, fix)
        }
    }

    /// The findings as JSON.
    package var json: JSONValue {
        [
            "ok": .bool(isGood),
            "findings": .array(
                findings.map {
                    [
                        "state": .string($0.state.rawValue), "subject": .string($0.subject), "found": .string($0.found),
                        "fix": .string($0.fix),
                    ]
                }
            ),
        ]
    }
}
