import EventStore
import EventStoreTesting
import Foundation

/// Holds logs, as crashes left them, against what was acknowledged; a process of its own, as a bad file may end it.
///
/// The argument is a file of acknowledgements, one a line. Each line on standard input is a log's folder and how many of
/// those lines hold for it; each answer is one line: `sound <size>`, `violated <what>` or `refused <code> <message>`.
enum Judge {
    static func run(acknowledged file: String) async throws {
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        while let question = readLine() {
            let words = question.split(separator: "\t")
            guard words.count == 2, let count = Int(words[1]) else { exit(64) }
            var books = Bookkeeper()
            for line in lines.prefix(count) { books.note(line) }
            EventStoreTestWriter.say(await answer(String(words[0]), books))
        }
    }

    private static func answer(_ folder: String, _ books: Bookkeeper) async -> String {
        do {
            let log = try LMDBEventLog.open(at: .beside(folder))
            let answer = Result { try verdict(on: log, books) }
            await log.close()
            return try answer.get()
        } catch let error as EventStoreError {
            return "refused \(error.code) \(error.message)"
        } catch {
            return "refused unknown \(error)"
        }
    }

    private static func verdict(on log: LMDBEventLog, _ books: Bookkeeper) throws -> String {
        let report = try LogVerification.verify(log)
        let violations = try books.violations(in: log)
        return violations.isEmpty ? "sound \(report.events)" : "violated \(violations.joined(separator: "; "))"
    }
}
