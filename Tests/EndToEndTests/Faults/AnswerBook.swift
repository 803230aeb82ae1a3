import CanonicalJSON
import Foundation
import Glibc
import Synchronization

/// What one request to a worker came to.
enum Heard: Sendable {
    case answer(status: Int, JSONValue)
    /// The connection was refused or broke off.
    case nothing
}

/// The requests that are sent again and again, and what each version alone answers to each.
struct Questions: Sendable {
    /// Asked for a routing and for similar parts; two parts each, so that an answer of two versions can be told.
    static let asked: [(path: String, body: JSONValue)] = ["/v1/proposals", "/v1/similar"].map { path in
        (path, ["parts": [part(25), part(90)]])
    }

    private static func part(_ diameter: Int) -> JSONValue {
        ["features": ["ITEM_GRP": "SHAFT", "OUTER_DIA_MM": .integer(diameter)]]
    }

    /// By version, in the order of the requests.
    var own: [String: [JSONValue]] = [:]

    /// The version that gave a whole answer; nil where none alone would have given it.
    func version(of answer: JSONValue, to question: Int) -> String? {
        guard let version = answer["version"]?.text, own[version]?[question] == answer else { return nil }
        return version
    }
}

/// What one run of a worker answered, held against what it may answer.
struct AnswerBook: Sendable {
    /// Set before the worker is killed: from then on it owes no answer.
    var isKilled = false
    /// The version that answered last; nil before the first answer.
    private(set) var last: String?
    /// Answers of each version since ``beginRound()``.
    private(set) var answers: [String: Int] = [:]
    private(set) var mixed = 0
    private(set) var unanswered = 0
    private(set) var violations: [String] = []

    mutating func beginRound() { (answers, mixed, unanswered, violations) = ([:], 0, 0, []) }

    /// Takes down one answer; `versions` are the one that was active and the one that is being activated.
    mutating func note(_ heard: Heard, to question: Int, of questions: Questions, versions: [String]) {
        switch heard {
        case .nothing:
            guard !isKilled else { return }
            unanswered += 1
            violations.append("no answer from a worker that lives")
        case .answer(200, let answer):
            guard let version = questions.version(of: answer, to: question) else {
                mixed += 1
                return violations.append("an answer that no version alone gives: \(answer.prettyText)")
            }
            guard let place = versions.firstIndex(of: version) else {
                return violations.append("\(version) answered, and \(versions) may")
            }
            if let last, let before = versions.firstIndex(of: last), before > place {
                violations.append("\(version) answered after \(last)")
            }
            last = version
            answers[version, default: 0] += 1
        case .answer(503, let problem) where problem["type"]?.text == "urn:daybook:inference.no-model":
            guard let last else { return }
            unanswered += 1
            violations.append("neither version answered after \(last) had")
        case .answer(let status, let problem):
            unanswered += 1
            violations.append("answered with \(status): \(problem.prettyText)")
        }
    }
}

/// Asks one worker without end, on a thread of its own, until it is told to stop or the worker is killed.
final class Asker: Sendable {
    private let worker: RunningWorker
    private let questions: Questions
    private let book: Mutex<AnswerBook>
    private let wanted = Mutex<[String]?>(nil)
    private let ended = DispatchSemaphore(value: 0)

    init(_ worker: RunningWorker, _ questions: Questions, book: AnswerBook = AnswerBook()) {
        (self.worker, self.questions) = (worker, questions)
        self.book = Mutex(book)
    }

    /// Begins to ask; the answers may be of these versions, never of an earlier one after a later one.
    func start(_ versions: [String]) {
        wanted.withLock { $0 = versions }
        Thread { [self] in
            var count = 0
            while let versions = wanted.withLock({ $0 }), !book.withLock({ $0.isKilled }) {
                let number = count % Questions.asked.count
                let heard = Self.ask(worker, number)
                book.withLock { $0.note(heard, to: number, of: questions, versions: versions) }
                count += 1
                // The worker and the others need the processors too.
                poll(nil, 0, 1)
            }
            ended.signal()
        }.start()
    }

    /// Stops asking and returns the book.
    func stop() async throws -> AnswerBook {
        wanted.withLock { $0 = nil }
        return try await onThread { [self] in
            ended.wait()
            return book.withLock { $0 }
        }
    }

    /// Kills the worker; an answer that breaks off from now on is owed by nobody.
    func kill() {
        book.withLock { $0.isKilled = true }
        worker.child.kill()
    }

    static func ask(_ worker: RunningWorker, _ number: Int) -> Heard {
        let (path, body) = Questions.asked[number]
        guard let said = try? ServedHome.exchange(worker.socket, "POST", path, body, nil) else { return .nothing }
        guard said.json != .null else { return .nothing }
        return .answer(status: said.status, said.json)
    }
}
