import Glibc

/// Standard output and standard error, which may be closed, full or without a reader: never a reason to end in a trace.
enum StandardStream: Int32 {
    case output = 1
    case error = 2

    /// Opens `/dev/null` in the place of each standard stream that the caller has closed.
    ///
    /// Otherwise the next file to be opened, perhaps the log itself, would take its number and receive what is printed.
    /// A program calls it before it opens anything.
    static func fillGaps() {
        for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(number, F_GETFD) < 0 {
            // The lowest free number is this one: the streams below it are open by now.
            _ = open("/dev/null", number == STDIN_FILENO ? O_RDONLY : O_WRONLY)
        }
    }

    /// Writes all of a text.
    ///
    /// What standard error does not take is lost. Where standard output has no reader any more the process ends without a
    /// word; where it is full or broken the process ends with 75 after saying so.
    func write(_ text: String) { write(bytes: Array(text.utf8)) }

    /// Writes all bytes, as ``write(_:)`` does.
    func write(bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return giveUp(errno)
            }
        }
    }

    private func giveUp(_ number: Int32) {
        guard self == .output else { return }
        guard number != EPIPE else { exit(128 + SIGPIPE) }
        let reason = String(cString: strerror(number))
        Self.error.write("daybook: the command was done, but its result cannot be printed: \(reason)\n")
        exit(ExitStatus.tryAgain)
    }
}
