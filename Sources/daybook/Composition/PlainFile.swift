import DurableFiles
import Foundation

/// A file that a person names.
enum PlainFile {
    /// Throws a ``Failure`` unless the path leads to a plain file of at most `limit` bytes.
    ///
    /// A pipe or a device is refused before it is opened: opening or reading one can wait for ever.
    static func require(_ path: String, limit: Int = .max) throws {
        let form = try form(path)
        guard form.kind == .plain else {
            throw refusal("\(path) is not a plain file", "name a file, not a folder, pipe or device")
        }
        guard form.size <= limit else {
            throw refusal(
                "\(path) has \(Words.size(form.size)), more than the \(Words.size(limit)) that are taken in",
                "keep it elsewhere and name its address"
            )
        }
    }

    /// Throws a ``Failure`` unless the path leads to a folder.
    static func requireFolder(_ path: String) throws {
        guard try form(path).kind == .folder else { throw refusal("\(path) is not a folder", "name a folder") }
    }

    /// Whether a plain file stands at a path itself: no link, pipe or device.
    static func isPlain(_ path: String) -> Bool {
        (try? FileForm(at: path, followingLinks: false))?.kind == .plain
    }

    private static func form(_ path: String) throws -> FileForm {
        do {
            return try FileForm(at: path)
        } catch {
            throw refusal("\(path) cannot be read: \(String(cString: strerror(error.errorNumber)))", "check the path")
        }
    }

    private static func refusal(_ message: String, _ hint: String) -> Failure {
        Failure("file", message, hint: hint, status: ExitStatus.badData)
    }
}
