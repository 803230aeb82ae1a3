internal import CPOSIX
internal import CanonicalJSON

/// Reads files of CSV, one a table, named as the table; the first row holds the columns' names.
struct CSVReading {
    private let source: SourceDescription
    private let writer: FrameWriter
    private let place: ReadingPlace?

    init(_ source: SourceDescription, writer: FrameWriter, place: ReadingPlace?) {
        (self.source, self.writer, self.place) = (source, writer, place)
    }

    /// Reads the tables of a profile; without one only says what is there.
    func run(_ profile: SourceProfile?) throws(ExtractionFault) {
        writer.write(.opened, ["driver": "CSV", "version": "RFC 4180"])
        let files = try files()
        var catalogue = SourceCatalogue(tables: [])
        for (name, path) in files {
            let text = try CSVText(path, delimiter: delimiter)
            let columns = try header(text).map { SourceCatalogue.Column(name: $0, type: "TEXT") }
            catalogue.tables.append(.init(schema: nil, name: name, columns: columns))
        }
        writer.write(.catalogue, catalogue.json)
        for table in try profile?.resolved(in: catalogue, .csv).tables ?? [] {
            guard let file = files.first(where: { $0.name == table.source.name }) else { continue }
            do throws(ExtractionFault) {
                try read(table, CSVText(file.path, delimiter: delimiter))
            } catch {
                throw error.at(table.source.name)
            }
        }
        writer.write(.done)
    }

    private var delimiter: UInt8? { source.keywords["Delimiter"]?.utf8.first }

    private func files() throws(ExtractionFault) -> [(name: String, path: String)] {
        func stem(_ name: String) -> String { name.lowercased().hasSuffix(".csv") ? String(name.dropLast(4)) : name }
        if source.location.lowercased().hasSuffix(".csv") {
            return [(stem(String(source.location.split(separator: "/").last ?? "")), source.location)]
        }
        do {
            return try CSVFiles.names(in: source.location).map { (stem($0), "\(source.location)/\($0)") }
        } catch {
            throw SourceHeader.fault(error, source.location)
        }
    }

    private func header(_ text: CSVText) throws(ExtractionFault) -> [String] {
        guard text.hasRow() else {
            throw text.fault(.empty, "there is no row of names", 1, hint: "put the columns' names into the first row")
        }
        var names: [String] = []
        repeat {
            guard let name = String(validating: try text.field(row: 1).bytes, as: UTF8.self) else {
                let what = "the name of column \(names.count + 1) is no UTF-8"
                throw text.fault(.badText, what, 1, hint: Dialect(.csv).textHint)
            }
            names.append(name)
        } while !text.isRowDone
        return names
    }

    private func read(_ table: ResolvedTable, _ text: CSVText) throws(ExtractionFault) {
        let began = cposix_monotonic_ns()
        let names = try header(text)
        writer.write(.table, ReadingFrames.began(table, counted: nil))
        let sinks = table.columns.map { ColumnSink($0, Dialect(.csv)) }
        // A source's column may serve two of the model's.
        let takers = names.map { name in
            table.columns.indices.filter { table.columns[$0].source.name == name }.map { sinks[$0] }
        }
        var row = 0
        while text.hasRow() {
            row += 1
            place?.row = row
            var column = 0
            repeat {
                let field = try text.field(row: row + 1)
                guard column < takers.count else {
                    throw text.fault(
                        .wrongFormat,
                        "more than the \(names.count) fields of the first row",
                        row + 1,
                        hint: "put fields that hold the sign between fields into quotes"
                    )
                }
                for taker in takers[column] {
                    if field.bytes.isEmpty, !field.isQuoted {
                        taker.takeNull(row: row)
                    } else {
                        taker.take(field.bytes, row: row)
                    }
                }
                column += 1
            } while !text.isRowDone
            guard column == names.count else {
                throw text.fault(
                    .truncated,
                    "\(column) fields, and the first row has \(names.count)",
                    row + 1,
                    hint: "the copy broke off, or a line break stands in a field without quotes"
                )
            }
            if sinks[0].isFull { ReadingFrames.send(sinks, rows: ColumnSink.chunk, writer) }
        }
        if row % ColumnSink.chunk > 0 { ReadingFrames.send(sinks, rows: row % ColumnSink.chunk, writer) }
        try ReadingFrames.finish(table, sinks, Dialect(.csv), rows: row, counted: nil, began: began, writer)
    }
}
