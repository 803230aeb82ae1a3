internal import Glibc

/// What a model was made with.
enum Software {
    /// Versions by name: program, Swift, platform.
    static func versions(program: String) -> [String: String] {
        ["daybook": program, "swift": swift, "platform": platform, "hnswlib": "0.6.2"]
    }

    /// The compiler that made this program.
    private static var swift: String {
        #if compiler(>=6.4)
            "6.4 or newer"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }

    private static var platform: String {
        var name = utsname()
        guard uname(&name) == 0 else { return "unknown" }
        func text(_ field: some Any) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return "\(text(name.sysname)) \(text(name.machine))"
    }
}
