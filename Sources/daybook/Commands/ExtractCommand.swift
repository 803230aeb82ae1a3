import ArgumentParser
import Extraction

/// The reading process of an extraction: one request on standard input, answers on standard output.
struct ExtractCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "extract",
        abstract: "Read a plant's database for the process that started this one.",
        shouldDisplay: false
    )

    func run() throws { throw ExitCode(ReadingProcess.run()) }
}
