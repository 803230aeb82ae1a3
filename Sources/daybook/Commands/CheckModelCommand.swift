import ArgumentParser
import CanonicalJSON
import ModelGates

/// The checking process of a version: one request as a word, a line for each step on standard output.
struct CheckModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: CheckModelCommand.word,
        abstract: "Look at a version's files for the process that started this one.",
        shouldDisplay: false
    )
    static let word = "check-model"
    @Argument(help: "The request, a JSON document.")
    var request: String

    func run() throws {
        Lifeline.hold()
        // Beside it a worker answers, perhaps on the same machine.
        giveWay(by: 10)
        throw ExitCode(CheckingProcess.run(try JSONReader.plain(request)))
    }
}
