import Glibc

/// What a crash inside a mapped file says: the log is read through memory, and a damaged or cut file shows up as a signal.
enum MemoryFault {
    /// Ends the process with one line and exit code 69 on SIGBUS and SIGSEGV, instead of a trace of addresses.
    static func explain() {
        for number in [SIGBUS, SIGSEGV] {
            signal(number) { _ in
                let line: StaticString =
                    "daybook: DOWN: a file under data/ is damaged or was cut short (change nothing in data/; compare it with a backup and restore that)\n"
                _ = write(STDERR_FILENO, line.utf8Start, line.utf8CodeUnitCount)
                _exit(69)
            }
        }
    }
}
