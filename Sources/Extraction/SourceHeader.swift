internal import DurableFiles
internal import Glibc

/// What the first bytes of a file say: drivers connect without an error to files that they cannot read.
enum SourceHeader {
    /// Bytes that are looked at: two pages and the first byte of the third.
    static let size = 8193

    private static let sqliteMagic = Array("SQLite format 3\0".utf8)
    private static let accessMagic: [UInt8] = [0, 1, 0, 0]

    /// The kind of a file by its place and first bytes.
    static func kind(of path: String) throws(ExtractionFault) -> SourceDescription.Kind {
        do {
            let form = try FileForm(at: path).kind
            if form == .folder { return .csv }
            guard form == .plain else { throw notPlain(path) }
            if path.lowercased().hasSuffix(".csv") { return .csv }
            let file = try FileDescriptor.open(path, O_RDONLY)
            let bytes = try file.read(limit: 32)
            if bytes.starts(with: sqliteMagic) { return .sqlite }
            if bytes.starts(with: accessMagic) { return .access }
        } catch {
            throw Self.fault(error, path)
        }
        switch path.lowercased().split(separator: ".").last {
        case "mdb", "accdb": return .access
        case "sqlite", "sqlite3", "db", "db3": return .sqlite
        default:
            throw ExtractionFault(
                .wrongFormat,
                "\(path) is neither an Access file nor an SQLite file, and no folder of CSV files",
                hint: "sources are .accdb, .mdb, SQLite files, .csv files and folders of them, postgresql://",
                file: path
            )
        }
    }

    /// Refuses a file that its driver would open and read wrongly, by its first ``size`` bytes, or all of a shorter one.
    static func check(
        _ bytes: [UInt8],
        fileSize: Int,
        _ kind: SourceDescription.Kind,
        path: String
    ) throws(ExtractionFault) {
        guard fileSize > 0 else {
            throw ExtractionFault(
                .empty,
                "\(path) has no bytes",
                hint: "it was never written, or a copy of it broke off: copy it again",
                file: path
            )
        }
        switch kind {
        case .access: try checkAccess(bytes, fileSize, path)
        case .sqlite: try checkSQLite(bytes, fileSize, path)
        case .csv, .postgresql: break
        }
    }

    /// The version of an Access file's format; pages are of 2048 bytes in the oldest and 4096 in the others.
    private static func checkAccess(_ bytes: [UInt8], _ fileSize: Int, _ path: String) throws(ExtractionFault) {
        let name = bytes.count > 0x14 ? String(decoding: bytes[4..<19], as: UTF8.self) : ""
        guard bytes.starts(with: accessMagic), name == "Standard Jet DB" || name == "Standard ACE DB" else {
            throw ExtractionFault(
                .wrongFormat,
                "\(path) is no Access file: its first bytes are not those of one",
                hint: "encrypted by another program, renamed, or not copied whole: take it from Access again",
                file: path
            )
        }
        let version = bytes[0x14]
        guard version <= 3 || version == 5 || version == 6 else {
            throw ExtractionFault(
                .wrongFormat,
                "\(path) is an Access file of the unknown format \(version)",
                hint: "save it in the format of Access 2007 to 2019",
                file: path
            )
        }
        let page = version == 0 ? 2048 : 4096
        guard fileSize % page == 0, fileSize >= 3 * page else {
            throw ExtractionFault(
                .truncated,
                "\(path) is cut: \(fileSize) bytes are no whole number of its pages of \(page)",
                hint: "the copy broke off: copy it again",
                file: path
            )
        }
        // The third page of a file that is not protected begins a table; the driver opens a protected one and finds nothing.
        guard version < 2 || bytes.count > 8192 && bytes[8192] == 2 else {
            throw ExtractionFault(
                .encrypted,
                "\(path) is protected by a password",
                hint:
                    "in Access: open it exclusively, then File, Info, Decrypt Database; keep the plain copy where only "
                    + "this program reads it",
                file: path
            )
        }
    }

    private static func checkSQLite(_ bytes: [UInt8], _ fileSize: Int, _ path: String) throws(ExtractionFault) {
        guard bytes.starts(with: sqliteMagic), bytes.count >= 100 else {
            throw ExtractionFault(
                .wrongFormat,
                "\(path) is no SQLite file, or an encrypted one: its first bytes are not those of one",
                hint: "name another file; an encrypted one has to be exported by its own program",
                file: path
            )
        }
        let stated = Int(bytes[16]) << 8 | Int(bytes[17])
        let page = stated == 1 ? 65_536 : stated
        func number(_ place: Int) -> Int { bytes[place..<(place + 4)].reduce(0) { $0 << 8 | Int($1) } }
        // The count is good only where the last writer kept it: both change counters are then the same.
        let pages = number(24) == number(92) ? number(28) : 0
        guard page >= 512, page & (page - 1) == 0, fileSize % page == 0, fileSize >= pages * page else {
            throw ExtractionFault(
                .truncated,
                "\(path) is cut: \(fileSize) bytes, and its header tells of \(max(1, pages)) pages of \(page)",
                hint: "the copy broke off: copy it again",
                file: path
            )
        }
    }

    /// A pipe or a device could be waited for until the end of days.
    static func notPlain(_ path: String) -> ExtractionFault {
        ExtractionFault(.wrongFormat, "\(path) is no plain file", hint: "name the file itself", file: path)
    }

    /// A failure of the file system as the fault of a source.
    static func fault(_ error: any Error, _ path: String) -> ExtractionFault {
        guard let error = error as? FileFault else {
            return error as? ExtractionFault ?? ExtractionFault(.inputOutput, "\(error)", hint: "", file: path)
        }
        let code: ExtractionFault.Code =
            switch error.errorNumber {
            case ENOENT, ENOTDIR: .missing
            case EACCES, EPERM: .notAllowed
            case EISDIR: .wrongFormat
            default: .inputOutput
            }
        let hint =
            code == .notAllowed
            ? "let the user of this program read the file and enter every folder on the way to it" : error.hint
        return ExtractionFault(code, error.description, hint: hint, file: path)
    }
}
