internal import Glibc

/// Words as C wants the arguments and the environment of a program: a list of pointers with an end.
package enum WordList {
    /// Lends the list while the body runs; the copies of the words are freed after it.
    package static func with<Value>(
        _ words: [String],
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Value
    ) -> Value {
        let copies = words.map { strdup($0) } + [nil]
        defer { copies.forEach { free($0) } }
        return copies.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("a list with an end is not empty") }
            return body(base)
        }
    }
}
