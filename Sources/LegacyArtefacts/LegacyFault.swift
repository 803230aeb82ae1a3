import DurableFiles

/// Why an artefact of a Python plant is not read, or a row not transformed.
package struct LegacyFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of fault; grows as kinds are met.
    package enum Code: String, Sendable {
        /// The file names something that only running Python could give, and nothing of it is run.
        case refused
        /// The file is sound, but a setting in it is one that this program does not compute.
        case unsupported
        /// The bytes are no joblib file, or one that was cut or changed.
        case damaged
        /// A row does not fit the encoder.
        case badRow
        /// The file could not be read.
        case inputOutput
    }

    package let code: Code
    /// What and where.
    package let message: String
    /// What can be done.
    package let hint: String

    package init(_ code: Code, _ message: String, hint: String) {
        (self.code, self.message, self.hint) = (code, message, hint)
    }

    package var description: String { "\(message); \(hint)" }
}

extension LegacyFault {
    static func refused(_ name: String, at offset: Int) -> LegacyFault {
        LegacyFault(
            .refused,
            "the file names \(name) at byte \(offset), which is not imported",
            hint: "nothing of it was run; the version can be kept and listed, and served by Python only"
        )
    }

    static func damaged(_ what: String, at offset: Int) -> LegacyFault {
        LegacyFault(
            .damaged,
            "the file is not a sound joblib file: \(what) at byte \(offset)",
            hint: "copy the file again from the plant that made it"
        )
    }

    static func unsupported(_ what: String) -> LegacyFault {
        LegacyFault(
            .unsupported,
            "\(what) is not imported",
            hint: "the version can be kept and listed, and served by Python only"
        )
    }

    init(_ fault: FileFault) { self.init(.inputOutput, fault.description, hint: fault.hint) }

    /// The same fault with the file's name in front.
    func of(_ file: String) -> LegacyFault { LegacyFault(code, "\(file): \(message)", hint: hint) }
}
