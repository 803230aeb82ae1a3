internal import CODBC
internal import CPOSIX
internal import CanonicalJSON
internal import Glibc

/// The reading process: what `daybook extract` does.
///
/// One request on standard input, frames on standard output; a driver that crashes, hangs or fills the memory ends this process and
/// nothing else. It ends with its parent, whose end closes standard input.
package enum ReadingProcess {
    /// Serves one request and gives the exit code; returns when all was written.
    package static func run() -> Int32 {
        // How a driver ends this process is for the parent to see, and not for a handler of the program's.
        for number in [SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE] { _ = signal(number, SIG_DFL) }
        // What a driver prints on standard output would else stand among the frames.
        let output = dup(STDOUT_FILENO)
        guard output >= 0, dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 else { return 75 }
        let writer = FrameWriter(descriptor: output)
        do throws(ExtractionFault) {
            let request = try request()
            try apply(request)
            try read(request, writer)
            return 0
        } catch {
            writer.write(.fault, error.json)
            return 65
        }
    }

    private static func request() throws(ExtractionFault) -> JSONValue {
        func fault() -> ExtractionFault {
            ExtractionFault(
                .broken,
                "there is no request on standard input",
                hint: "this verb is for the program itself"
            )
        }
        guard let header = bytes(4) else { throw fault() }
        let length = header.withUnsafeBytes { Int($0.loadUnaligned(as: UInt32.self)) }
        guard length <= 16 << 20, let body = bytes(length), let request = try? JSONReader.plain(body) else {
            throw fault()
        }
        return request
    }

    private static func bytes(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var place = 0
        while place < count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(STDIN_FILENO, $0.baseAddress?.advanced(by: place), count - place)
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return nil }
            place += got
        }
        return bytes
    }

    /// Limits of memory and time by the kernel, and settings of drivers that come by the environment.
    private static func apply(_ request: JSONValue) throws(ExtractionFault) {
        func limit(_ resource: __rlimit_resource, _ value: Int?, beyond: Int = 0) {
            guard let value else { return }
            var limit = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value + beyond))
            _ = setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
        }
        limit(RLIMIT_CORE, 0)
        limit(RLIMIT_AS, request["memory"]?.number)
        // The first limit says what it is by its signal; the second one ends whatever takes no signal.
        limit(RLIMIT_CPU, request["cpu_seconds"]?.number, beyond: 5)
        // The files of old Access bear no name of their code page.
        if let charset = request["source"]?["keywords"]?["Jet3Charset"]?.text { setenv("MDB_JET3_CHARSET", charset, 1) }
        try endWithParent()
    }

    /// Has the kernel end this process when its parent closes standard input, which it does at its own end at the latest.
    ///
    /// By a signal and not by a thread: a process of one thread takes no locks in the C library, which the drivers call for each value.
    private static func endWithParent() throws(ExtractionFault) {
        _ = signal(SIGIO, SIG_DFL)
        // Whoever started it may have blocked it in the thread that did.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGIO)
        sigaddset(&signals, SIGXCPU)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        _ = fcntl(STDIN_FILENO, F_SETOWN, getpid())
        _ = fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_ASYNC)
        var watched = pollfd(fd: STDIN_FILENO, events: 0, revents: 0)
        guard poll(&watched, 1, 0) <= 0 else {
            throw ExtractionFault(.broken, "whoever asked is gone", hint: "this verb is for the program itself")
        }
    }

    private static func read(_ request: JSONValue, _ writer: FrameWriter) throws(ExtractionFault) {
        let source = try SourceDescription(request: request["source"] ?? .null)
        let profile: SourceProfile? = if let json = request["profile"] { try SourceProfile(json) } else { nil }
        let place = request["place"]?.text.flatMap { ReadingPlace($0) }
        guard source.kind != .csv else {
            return try CSVReading(source, writer: writer, place: place).run(profile)
        }
        guard let library = try DriverLibrary.find(for: source) else { return }
        let connection = try ODBCConnection(source, library: library)
        writer.write(.opened, ["driver": .string(library.name), "version": .string(connection.version)])
        let wanted = try connection.catalogue { table in profile.map { $0.mayMean(table) } ?? true }
        writer.write(.catalogue, wanted.json)
        if let profile {
            for table in try profile.resolved(in: wanted, source.kind).tables {
                try TableReading(table, connection, writer: writer, place: place).run()
            }
        }
        writer.write(.done)
    }
}

extension SourceProfile {
    /// Whether a table of the source may be one of the profile's, so that its columns are to be known.
    func mayMean(_ table: SourceCatalogue.Table) -> Bool {
        tables.contains { mapping in
            mapping.sourceNames.contains {
                FoldedName.of($0) == FoldedName.of(table.name) || FoldedName.of($0) == FoldedName.of(table.fullName)
            }
        }
    }
}

/// Reads one table of a driver's.
private struct TableReading {
    let table: ResolvedTable
    let connection: ODBCConnection
    let writer: FrameWriter
    let place: ReadingPlace?

    init(_ table: ResolvedTable, _ connection: ODBCConnection, writer: FrameWriter, place: ReadingPlace?) {
        (self.table, self.connection, self.writer, self.place) = (table, connection, writer, place)
    }

    func run() throws(ExtractionFault) {
        do throws(ExtractionFault) {
            try read()
        } catch {
            throw error.at(table.source.fullName, column)
        }
    }

    private var column: String? {
        guard let place, place.column > 0, place.column <= table.columns.count else { return nil }
        return table.columns[place.column - 1].source.name
    }

    private func read() throws(ExtractionFault) {
        let dialect = connection.dialect
        let began = cposix_monotonic_ns()
        place?.column = 0
        place?.row = 0
        let sources = table.columns.map(\.source)
        let counted = try connection.number(dialect.count(table.source))
        writer.write(.table, ReadingFrames.began(table, counted: counted))
        let numbers = table.columns.indices.filter { table.columns[$0].mapping.kind == .number }
        let sql = try dialect.select(sources, from: table.source, numbers: Set(numbers))
        let statement = try connection.statement(sql)
        let sinks = table.columns.map { ColumnSink($0, dialect) }
        let isDouble = sources.indices.map { numbers.contains($0) && dialect.isDouble(sources[$0].type) }
        if dialect.binds { try statement.bind(doubles: isDouble) }
        let row = try rows(of: statement, sinks, isDouble)
        statement.close()
        let rest = row % ColumnSink.chunk
        if rest > 0 { ReadingFrames.send(sinks, rows: rest, writer) }
        try ReadingFrames.finish(table, sinks, dialect, rows: row, counted: counted, began: began, writer)
    }

    /// Takes every value of every row and gives the number of rows.
    private func rows(
        of statement: ODBCStatement,
        _ sinks: [ColumnSink],
        _ isDouble: [Bool]
    ) throws(ExtractionFault) -> Int {
        // Held by the array for as long as this runs: not counted anew for each value.
        let takers = sinks.map { Unmanaged.passUnretained($0) }
        defer { withExtendedLifetime(sinks) {} }
        var row = 0
        while try statement.fetch() {
            row += 1
            place?.row = row
            for index in takers.indices {
                place?.column = index + 1
                if isDouble[index] {
                    let value = try statement.double(index + 1)
                    takers[index]._withUnsafeGuaranteedRef { sink in
                        if let value { sink.take(value, row: row) } else { sink.takeNull(row: row) }
                    }
                } else {
                    let text = try statement.bytes(index + 1)
                    takers[index]._withUnsafeGuaranteedRef { sink in
                        if let text { sink.take(text, row: row) } else { sink.takeNull(row: row) }
                    }
                }
            }
            place?.column = 0
            if row % ColumnSink.chunk == 0 { ReadingFrames.send(sinks, rows: ColumnSink.chunk, writer) }
        }
        return row
    }
}

/// The frames of a table, whoever reads it.
enum ReadingFrames {
    static func began(_ table: ResolvedTable, counted: Int?) -> JSONValue {
        [
            "name": .string(table.mapping.name), "source": .string(table.source.fullName),
            "counted": counted.map { .integer($0) } ?? .null,
            "columns": .array(
                table.columns.map {
                    [
                        "name": .string($0.mapping.name), "kind": .string($0.mapping.kind.rawValue),
                        "source": .string($0.source.name), "type": .string($0.source.type),
                        "unit": $0.unit.map { .string($0.rawValue) } ?? .null,
                    ]
                }
            ),
            "absent": .array(table.absent.map { .string($0) }),
            "unreadable": .array(table.unreadable.map { .string($0) }),
        ]
    }

    static func send(_ sinks: [ColumnSink], rows: Int, _ writer: FrameWriter) {
        var frame: [UInt8] = []
        frame.reserveCapacity(rows * sinks.count * 8 + 64)
        FrameBytes.append(UInt32(rows), to: &frame)
        for sink in sinks { sink.send(into: &frame) }
        writer.write(.chunk, frame)
    }

    /// Ends a table: what came is compared with what was counted.
    static func finish(
        _ table: ResolvedTable,
        _ sinks: [ColumnSink],
        _ dialect: Dialect,
        rows: Int,
        counted: Int?,
        began: Int64,
        _ writer: FrameWriter
    ) throws(ExtractionFault) {
        if let counted, rows < counted {
            throw ExtractionFault(
                .rowsMissing,
                "\(table.source.fullName) counts \(counted) rows and gave \(rows)",
                hint: "the file is cut or damaged: copy it again, or compact it in Access and copy it then",
                table: table.source.fullName
            )
        }
        for (sink, column) in zip(sinks, table.columns) {
            guard let row = sink.refusedAt else { continue }
            throw ExtractionFault(
                .valueMissing,
                "\(table.source.fullName).\(column.source.name) has no value in row \(row), and \(sink.nulls) in all have none",
                hint: "fill them in the source, or let the profile allow it",
                table: table.source.fullName,
                column: column.source.name
            )
        }
        var issues = sinks.flatMap { $0.issues.issues(table: table.mapping.name, column: $0.mapping.name) }
        for (sink, column) in zip(sinks, table.columns) where column.mapping.isKey {
            let name = sink.mapping.name
            guard let bad = issues.first(where: { $0.column == name && $0.kind == .badText }) else { continue }
            throw ExtractionFault(
                .badText,
                "\(table.source.fullName).\(column.source.name) is no UTF-8 in row \(bad.places.first?.row ?? 0), and in \(bad.count) "
                    + "of \(rows) in all: codes that cannot be read would be taken for one another",
                hint: dialect.textHint,
                table: table.source.fullName,
                column: column.source.name
            )
        }
        if let counted, rows > counted {
            issues.append(
                ExtractionIssue(
                    table: table.mapping.name,
                    column: nil,
                    kind: .moreRows,
                    count: rows - counted,
                    places: []
                )
            )
        }
        writer.write(
            .tableEnd,
            [
                "rows": .integer(rows), "ms": .integer(Int((cposix_monotonic_ns() - began) / 1_000_000)),
                "nulls": .array(sinks.map { .integer($0.nulls) }), "issues": .array(issues.map(\.json)),
            ]
        )
    }
}
