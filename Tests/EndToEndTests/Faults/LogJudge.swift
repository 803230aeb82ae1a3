import EventStoreTesting
import Foundation
import Glibc

/// Asks a judging process about logs, one after the other, and starts another when one died of a log.
final class LogJudge {
    /// What is to be said of a log.
    enum Verdict: Equatable, CustomStringConvertible {
        /// Everything acknowledged is there; so many events.
        case sound(Int)
        /// Something acknowledged is lost or changed, or a command is there by half.
        case violated(String)
        /// The log does not open or does not verify.
        case refused(String)
        /// The judge died of it.
        case died(Int32)

        var description: String {
            switch self {
            case .sound(let size): "sound with \(size) events"
            case .violated(let what): "violated: \(what)"
            case .refused(let what): "refused: \(what)"
            case .died(let signal): "died of signal \(signal)"
            }
        }

        var isSound: Bool { if case .sound = self { true } else { false } }
    }

    private let folder: TemporaryFolder
    private let acknowledgements: String
    private var process: Process?
    private var question = Pipe()
    private var answer = Pipe()

    /// A judge who knows these acknowledgements.
    init(_ lines: [Substring]) throws {
        folder = try TemporaryFolder("daybook-judge")
        acknowledgements = folder.path("acknowledgements")
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: acknowledgements))
    }

    deinit {
        try? question.fileHandleForWriting.close()
        process?.waitUntilExit()
    }

    /// Judges a log of which the first `count` acknowledgements hold; blocks, and so belongs on a thread of its own.
    func verdict(on log: String, acknowledged count: Int) throws -> Verdict {
        let process = try running()
        try question.fileHandleForWriting.write(contentsOf: Data("\(log)\t\(count)\n".utf8))
        var line: [UInt8] = []
        while case let part = answer.fileHandleForReading.availableData, !part.isEmpty {
            line += part
            if line.last == 0x0a { break }
        }
        guard line.last == 0x0a else {
            process.waitUntilExit()
            self.process = nil
            return .died(process.terminationStatus)
        }
        let words = String(decoding: line.dropLast(), as: UTF8.self)
        let rest = String(words.drop { $0 != " " }.dropFirst())
        if words.hasPrefix("sound "), let size = Int(rest) { return .sound(size) }
        return words.hasPrefix("violated ") ? .violated(rest) : .refused(rest)
    }

    private func running() throws -> Process {
        if let process { return process }
        let process = Process()
        (question, answer) = (Pipe(), Pipe())
        process.executableURL = URL(filePath: TestWriter.program)
        process.arguments = ["judge", acknowledgements]
        process.standardInput = question
        process.standardOutput = answer
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        return process
    }
}
