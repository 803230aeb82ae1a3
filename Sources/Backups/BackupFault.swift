/// Why a backup or its restoration was refused; nothing was changed by the call that throws it.
package struct BackupFault: Error, CustomStringConvertible {
    /// The kinds of failure; callers decide by these.
    package enum Code: String, Sendable {
        /// The file is not what was written: altered, cut, or no backup at all.
        case damaged = "backup.damaged"
        /// The target belongs to another installation.
        case foreign = "backup.foreign"
        /// The target has seen more than the file holds.
        case newer = "restore.newer"
        /// Something stands where the result would go.
        case exists = "restore.exists"
        /// A file changed while it was read, or someone works in the home.
        case busy = "backup.busy"
        /// The passphrase is wrong, too short, or cannot be had.
        case passphrase = "keys.passphrase"
    }

    package let code: Code
    /// What and where, one sentence without a final stop.
    package let message: String
    /// What the operator can do.
    package let hint: String
    package var description: String { "\(message) (\(hint))" }

    /// A refusal with its kind, its sentence and its hint.
    package init(_ code: Code, _ message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    static func damaged(_ file: String, _ words: String) -> BackupFault {
        BackupFault(
            .damaged,
            "\(file) is not a whole backup: \(words)",
            hint: "use another backup; nothing was changed"
        )
    }
}
