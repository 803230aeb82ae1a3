/// A source could not be extracted for a training run.
package struct ExtractionFailed: DomainEvent {
    package var run: String
    package var driver: String?
    package var file: String?
    package var table: String?
    package var column: String?
    package var problem: String
    package var message: String
    package var stderrTail: String?

    package init(
        run: String,
        driver: String? = nil,
        file: String? = nil,
        table: String? = nil,
        column: String? = nil,
        problem: String,
        message: String,
        stderrTail: String? = nil
    ) {
        (self.run, self.driver, self.file, self.table, self.column) = (run, driver, file, table, column)
        (self.problem, self.message, self.stderrTail) = (problem, message, stderrTail)
    }

    package static let about = EventAbout(
        "extraction.failed",
        summary: "run {run} could not read its source: {problem}",
        object: "run",
        notes: [
            "run": "identifier of the training run",
            "driver": "the ODBC driver that was at work, absent when none was",
            "file": "the source: a path, or a server without its password",
            "table": "the source's name of the table, absent when none is to blame",
            "column": "the source's name of the column, absent when none is to blame",
            "problem": "stable word for what went wrong, such as encrypted, crashed or mapping",
            "message": "what went wrong, one sentence",
            "stderr_tail": "the last lines that the driver wrote to standard error, absent when it wrote none",
        ]
    )
}
