import CanonicalJSON
import Foundation
import Glibc
import Synchronization

/// Says when each of some blows falls.
final class Dealing {
    private var left: [ActivationRun.Blow]
    private let log: Int32
    private let before: [UInt8]
    private let began = ContinuousClock.now
    private var grown: ContinuousClock.Instant?

    init(_ blows: [ActivationRun.Blow], log: String) {
        left = blows
        self.log = open(log, O_RDONLY | O_CLOEXEC)
        before = Self.metaPages(self.log)
    }

    deinit { close(log) }

    var isOver: Bool { left.isEmpty }

    /// Whoever is to be killed now.
    ///
    /// What waits for growth waits no longer once the command is answered or gone.
    func due(isAnswered: Bool) -> [ActivationRun.Victim] {
        let now = ContinuousClock.now
        if grown == nil, isAnswered || Self.metaPages(log) != before { grown = now }
        let (began, grown) = (began, grown)
        func isDue(_ blow: ActivationRun.Blow) -> Bool {
            guard let start = blow.isAfterGrowth ? grown : began else { return false }
            return now - start >= blow.delay
        }
        defer { left.removeAll(where: isDue) }
        return left.filter(isDue).map(\.victim)
    }

    /// Lets a tenth of a millisecond pass: an acknowledgement follows on its event within one or two.
    func wait() {
        var time = timespec(tv_sec: 0, tv_nsec: 100_000)
        pselect(0, nil, nil, nil, &time, nil)
    }

    /// The two pages of which each commit writes one.
    private static func metaPages(_ file: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 8_192)
        return Array(bytes.prefix(max(0, pread(file, &bytes, bytes.count, 0))))
    }
}

/// An activation on its way, typed or by HTTP.
final class Sent: Sendable {
    private let child: Child?
    private let said = Mutex("")
    private let isAnswered = Mutex(false)
    private let ended = DispatchSemaphore(value: 0)

    init(_ command: SentCommand, _ home: TestHome, isTyped: Bool) throws {
        guard !isTyped else {
            child = try Child(
                ["\(Program.folder)/daybook"] + command.line,
                environment: Program.environment(["DAYBOOK_HOME": home.path])
            )
            return
        }
        child = nil
        let body: JSONValue = [
            "fields": ["version": command.value ?? .null], "reason": .string(command.reason),
            "idempotency_key": .string(command.reason),
        ]
        let socket = "\(home.path)/data/daybook.sock"
        Thread { [self] in
            let answer = try? ServedHome.exchange(socket, "POST", "/api/v1/commands/activate-model", body, nil)
            said.withLock { $0 = answer?.text ?? "" }
            isAnswered.withLock { $0 = true }
            ended.signal()
        }.start()
    }

    /// Whether it was answered or is gone.
    var isOver: Bool { child?.isGone(within: 0) ?? isAnswered.withLock { $0 } }

    func kill() { child?.kill() }

    /// What was answered, at its end; what HTTP left without an answer, as the program would end: 75.
    func result() -> Outcome {
        if let child { return child.result() }
        ended.wait()
        let said = said.withLock { $0 }
        return Outcome(exit: said.isEmpty ? 75 : 0, output: said, errors: "")
    }
}
