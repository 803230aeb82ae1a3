import Foundation

/// A question to a person who types; without a terminal nothing is asked.
enum Confirmation {
    /// Asks unless told to skip or nobody is there; throws a ``Failure`` for anything but yes.
    static func ask(_ words: String, skip: Bool) throws {
        guard !skip, isatty(STDIN_FILENO) == 1 else { return }
        StandardStream.error.write("go on? [y/N] ")
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            throw Failure(
                "declined",
                "nothing was done: \(words)",
                hint: "answer y, or say --yes",
                status: ExitStatus.tryAgain
            )
        }
    }
}
