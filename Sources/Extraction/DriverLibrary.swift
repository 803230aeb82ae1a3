internal import DurableFiles
internal import Glibc

/// The library of a driver on this machine, looked at before anything loads it.
package struct DriverLibrary: Sendable, Equatable {
    /// The driver's name, as its package registers it.
    package let name: String
    /// The library's absolute path.
    package let path: String

    /// The library that a source needs; nil for CSV, which needs none.
    ///
    /// Throws ``ExtractionFault``: `driverMissing` where it is not installed, `driverUnfit` where it was built for another machine.
    package static func find(for source: SourceDescription) throws(ExtractionFault) -> DriverLibrary? {
        guard let name = source.driverName else { return nil }
        let path: String
        if let own = source.driverLibrary {
            path = own
        } else {
            path = try installed(name, for: source)
        }
        let library = DriverLibrary(name: name, path: path)
        try library.check()
        return library
    }

    /// Where packages put drivers, for this machine's kind first.
    private static var folders: [String] {
        ["/usr/lib/\(Machine.triplet)/odbc", "/usr/lib/odbc", "/usr/lib64", "/usr/local/lib/odbc", "/usr/local/lib"]
    }

    /// A driver as its package and Debian's name it.
    private static func package(of kind: SourceDescription.Kind) -> (file: String, package: String) {
        switch kind {
        case .access: ("libmdbodbc.so", "odbc-mdbtools")
        case .sqlite: ("libsqlite3odbc.so", "libsqliteodbc")
        case .postgresql: ("psqlodbcw.so", "odbc-postgresql")
        case .csv: ("", "")
        }
    }

    private static func installed(
        _ name: String,
        for source: SourceDescription
    ) throws(ExtractionFault) -> String {
        let (file, package) = package(of: source.kind)
        let paths = folders.map { "\($0)/\(file)" }
        if let path = paths.first(where: { access($0, F_OK) == 0 }) { return path }
        throw ExtractionFault(
            .driverMissing,
            "the ODBC driver \(name) is not installed: no \(file) in \(folders.prefix(3).joined(separator: ", "))",
            hint: "apt-get install \(package)",
            driver: name,
            file: source.shown
        )
    }

    /// Reads the head of the library's file: a driver of another machine would fail with words that nobody understands.
    private func check() throws(ExtractionFault) {
        let bytes: [UInt8]
        do {
            bytes = try FileDescriptor.open(path, O_RDONLY).read(limit: 20)
        } catch {
            throw ExtractionFault(
                error.errorNumber == ENOENT ? .driverMissing : .notAllowed,
                "the driver \(name) cannot be read: \(error)",
                hint: error.errorNumber == ENOENT ? "install it, or name its path" : "let this user read it",
                driver: name
            )
        }
        guard bytes.count == 20, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
            throw unfit("\(path) is no library of this system", hint: "install the driver again")
        }
        let bits = bytes[4] == 1 ? 32 : 64
        guard bits == Machine.bits else {
            throw unfit(
                "the driver \(path) is of \(bits) bits, and this program of \(Machine.bits)",
                hint: "install the \(Machine.bits)-bit driver: a process loads libraries of its own width only"
            )
        }
        let machine = Int(bytes[18]) | Int(bytes[19]) << 8
        guard machine == Machine.number else {
            throw unfit(
                "the driver \(path) was built for another processor (ELF machine \(machine), not \(Machine.number))",
                hint: "install the driver for \(Machine.triplet)"
            )
        }
    }

    private func unfit(_ message: String, hint: String) -> ExtractionFault {
        ExtractionFault(.driverUnfit, message, hint: hint, driver: name)
    }
}

/// What this program was built for.
private enum Machine {
    static let bits = Int.bitWidth
    #if arch(arm64)
        static let triplet = "aarch64-linux-gnu"
        static let number = 183
    #else
        static let triplet = "x86_64-linux-gnu"
        static let number = 62
    #endif
}
