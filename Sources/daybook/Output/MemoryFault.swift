import Glibc

/// What a crash inside a mapped file says: the log is read through memory, and a damaged or cut file shows up as a signal.
enum MemoryFault {
    private static let line: StaticString =
        "daybook: DOWN: a file under data/ is damaged or was cut short (change nothing in data/; compare it with a backup and restore that)\n"
    private static let problem: StaticString = """
        {
          "exit_code": 69,
          "hint": "change nothing in data/; compare it with a backup and restore that",
          "title": "a file under data/ is damaged or was cut short",
          "type": "urn:daybook:data.damaged"
        }

        """

    /// Ends the process with one line, or a problem document, and exit code 69 on SIGBUS and SIGSEGV, instead of a trace of
    /// addresses.
    static func explain(asJSON: Bool) {
        for number in [SIGBUS, SIGSEGV] {
            // A signal handler takes nothing along and may do nothing but write.
            if asJSON {
                signal(number) { _ in MemoryFault.end(MemoryFault.problem) }
            } else {
                signal(number) { _ in MemoryFault.end(MemoryFault.line) }
            }
        }
    }

    private static func end(_ words: StaticString) {
        _ = write(STDERR_FILENO, words.utf8Start, words.utf8CodeUnitCount)
        _exit(69)
    }
}
