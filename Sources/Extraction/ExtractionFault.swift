package import CanonicalJSON

/// Why a source could not be extracted: what, where in the source, and what can be done.
package struct ExtractionFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of fault; grows as kinds are met.
    package enum Code: String, Sendable, CaseIterable {
        /// A description of a source that cannot be one: a keyword that is not allowed, a character that no driver takes.
        case badDescription
        /// Nothing lies at the path.
        case missing
        /// The file may not be read by this user.
        case notAllowed
        /// The file is no database of the kind that is meant.
        case wrongFormat
        /// The file has no bytes.
        case empty
        /// The file ends before its end.
        case truncated
        /// The file is protected by a password.
        case encrypted
        /// Another program is writing to the source; to be tried again.
        case locked
        /// The source changed while it was copied; to be tried again.
        case changed
        /// The driver is not installed, or not where it is said to be.
        case driverMissing
        /// The driver was built for another machine.
        case driverUnfit
        /// The driver could not open the source.
        case cannotConnect
        /// A table or column of the mapping is not in the source, or in it twice.
        case mapping
        /// The driver refused a statement.
        case statement
        /// Fewer rows came than the source counts.
        case rowsMissing
        /// A value that may not be missing is.
        case valueMissing
        /// A code that joins tables, or the name of a column, is no UTF-8.
        case badText
        /// The process of the extraction died of a signal: the driver's fault, or the memory limit.
        case crashed
        /// The process did not come on in time.
        case timedOut
        /// The process ended without a result, or spoke what is no answer.
        case broken
        /// A file could not be written or read.
        case inputOutput
    }

    package var code: Code
    /// What went wrong, in a sentence without the hint.
    package var message: String
    /// What can be done.
    package var hint: String
    /// The driver that was at work.
    package var driver: String?
    /// The source's file, or its server.
    package var file: String?
    /// The source's own name of the table.
    package var table: String?
    /// The source's own name of the column.
    package var column: String?
    /// The end of what the driver wrote to standard error.
    package var errorTail: String?

    /// A fault at a place of a source.
    package init(
        _ code: Code,
        _ message: String,
        hint: String,
        driver: String? = nil,
        file: String? = nil,
        table: String? = nil,
        column: String? = nil,
        errorTail: String? = nil
    ) {
        (self.code, self.message, self.hint) = (code, message, hint)
        (self.driver, self.file, self.table, self.column) = (driver, file, table, column)
        self.errorTail = errorTail
    }

    package var description: String { "\(message); \(hint)" }

    /// Whether the same may work later: somebody else is at the source now.
    package var isTransient: Bool { code == .locked || code == .changed }

    /// The fault as JSON, for a pipe or an answer.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "code": .string(code.rawValue), "message": .string(message), "hint": .string(hint),
        ]
        let places = ["driver": driver, "file": file, "table": table, "column": column, "stderr_tail": errorTail]
        for (name, value) in places { members[name] = value.map { .string($0) } }
        return .object(members)
    }

    /// The fault that ``json`` wrote; nil for anything else.
    package init?(_ json: JSONValue) {
        guard let code = json["code"]?.text.flatMap(Code.init), let message = json["message"]?.text,
            let hint = json["hint"]?.text
        else { return nil }
        self.init(
            code,
            message,
            hint: hint,
            driver: json["driver"]?.text,
            file: json["file"]?.text,
            table: json["table"]?.text,
            column: json["column"]?.text,
            errorTail: json["stderr_tail"]?.text
        )
    }

    /// The fault at a table and column, where it names none itself.
    func at(_ table: String?, _ column: String? = nil) -> ExtractionFault {
        var fault = self
        fault.table = fault.table ?? table
        fault.column = fault.column ?? column
        return fault
    }
}
