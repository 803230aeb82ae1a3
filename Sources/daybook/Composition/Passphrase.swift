import Backups
import DurableFiles
import Foundation

/// Where the passphrase of a key backup comes from: never the command line, which every user of the machine can read.
enum Passphrase {
    /// The text in a file, in the service's credential `daybook.passphrase`, or typed at the terminal; without its line feed.
    ///
    /// Typed twice when `isNew`. Throws ``Backups/BackupFault`` with `passphrase` when there is none of the three.
    static func read(file: String?, isNew: Bool) throws -> [UInt8] {
        if let file {
            try PlainFile.require(file, limit: 4096)
            return trimmed(try DurableFile.read(file, limit: 4096))
        }
        if let folder = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"],
            let bytes = try? DurableFile.read("\(folder)/daybook.passphrase", limit: 4096)
        {
            return trimmed(bytes)
        }
        let first = try typed("Passphrase of the key backup: ")
        guard isNew, try typed("The same once more: ") != first else { return first }
        throw BackupFault(.passphrase, "the two passphrases differ", hint: "nothing was written; try again")
    }

    private static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        Array(bytes.last == 0x0a ? bytes.dropLast() : bytes[...])
    }

    /// A line from the terminal itself, unseen.
    private static func typed(_ prompt: String) throws -> [UInt8] {
        guard let terminal = fopen("/dev/tty", "r+") else {
            throw BackupFault(
                .passphrase,
                "there is no terminal to type the passphrase at",
                hint:
                    "--passphrase-file FILE reads it from a file, or the service credential daybook.passphrase gives it"
            )
        }
        defer { fclose(terminal) }
        var settings = termios()
        tcgetattr(fileno(terminal), &settings)
        var quiet = settings
        quiet.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(fileno(terminal), TCSAFLUSH, &quiet)
        defer {
            tcsetattr(fileno(terminal), TCSAFLUSH, &settings)
            fputs("\n", terminal)
        }
        fputs(prompt, terminal)
        fflush(terminal)
        var line: UnsafeMutablePointer<CChar>?
        var room = 0
        let count = getline(&line, &room, terminal)
        defer { free(line) }
        guard count > 0, let line else { return [] }
        return trimmed(UnsafeRawBufferPointer(start: line, count: count).map { $0 })
    }
}
