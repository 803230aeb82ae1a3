package import CanonicalJSON
internal import Glibc
internal import RoutingDomain

/// The checking process: one request, a line for each step on standard output.
package enum CheckingProcess {
    /// Looks at what the request names and gives the exit code; returns when all was said.
    ///
    /// A gate that fails is a line like any other, and no exit code: only a process that dies has none.
    package static func run(_ request: JSONValue) -> Int32 {
        // How a damaged file ends this process is for the parent to see, and not for a handler of the program's.
        for number in [SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGTRAP] { _ = signal(number, SIG_DFL) }
        guard let request = CheckRequest(request) else { return 64 }
        limit(RLIMIT_CORE, 0)
        if let megabytes = request.megabytes { limit(RLIMIT_AS, megabytes << 20) }
        let check = FolderCheck(request: request) { message in
            let bytes = Array(message.line.utf8)
            var place = 0
            while place < bytes.count {
                let count = bytes.withUnsafeBytes {
                    write(STDOUT_FILENO, $0.baseAddress?.advanced(by: place), bytes.count - place)
                }
                if count < 0, errno == EINTR { continue }
                // Nobody listens any more.
                guard count > 0 else { exit(75) }
                place += count
            }
        }
        check.run()
        return 0
    }

    private static func limit(_ resource: __rlimit_resource, _ value: Int) {
        var limit = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
        _ = setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
    }
}
