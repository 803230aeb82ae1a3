import CanonicalJSON
import RoutingDomain
import Testing

@Suite("Jobs")
struct JobSpecs {
    private let job = "66666666-6666-4666-8666-666666666666"

    private func requested<Sent: Command>(_ type: Sent.Type) -> Scenario<Sent> where Sent.State == JobState {
        var scenario = Scenario(type)
        scenario.given(JobRequested(job: job, kind: .verify, parameters: [:]))
        return scenario
    }

    @Test("A job is asked for once, with a reason and an identifier that is one")
    func asks() throws {
        var scenario = Scenario(RequestJob.self)
        let request = RequestJob(job: job, kind: .verify, parameters: ["log_only": true])
        let decided = try #require(try scenario.when(request).first)
        #expect(decided.stream == "job-\(job)")
        #expect(decided.event as? JobRequested == JobRequested(job: job, kind: .verify, parameters: ["log_only": true]))
        #expect(
            scenario.rejection(of: RequestJob(job: "../x", kind: .verify, parameters: [:]))?.rule == "pseudonym.syntax"
        )
        scenario.given(JobRequested(job: job, kind: .verify, parameters: [:]))
        #expect(scenario.rejection(of: request)?.rule == "job.duplicate")
        scenario.reason = nil
        #expect(scenario.rejection(of: request)?.rule == "reason.missing")
    }

    @Test("An idempotency key stands for kind and parameters, not for the identifier")
    func identifies() throws {
        let one = RequestJob(job: job, kind: .backup, parameters: [:])
        let two = RequestJob(job: "77777777-7777-4777-8777-777777777777", kind: .backup, parameters: [:])
        let other = RequestJob(job: job, kind: .verify, parameters: [:])
        #expect(try one.canonicalBytes() == two.canonicalBytes())
        #expect(try one.canonicalBytes() != other.canonicalBytes())
    }

    @Test("A job begins once, and only one that somebody asked for")
    func begins() throws {
        #expect(Scenario(StartJob.self).rejection(of: StartJob(job: job))?.rule == "job.unknown")
        var scenario = requested(StartJob.self)
        #expect(try scenario.when(StartJob(job: job)).first?.event is JobStarted)
        scenario.given(JobStarted(job: job))
        #expect(scenario.rejection(of: StartJob(job: job))?.rule == "job.not-queued")
    }

    @Test("A job is called off while it is open, with a reason, and its work then has no say in how it ended")
    func callsOff() throws {
        var scenario = requested(CancelJob.self)
        #expect(try scenario.when(CancelJob(job: job)).first?.event is JobCancelled)
        scenario.given(JobStarted(job: job))
        #expect(try scenario.when(CancelJob(job: job)).count == 1)
        scenario.given(JobCancelled(job: job))
        #expect(scenario.rejection(of: CancelJob(job: job))?.rule == "job.ended")
        var ending = requested(FinishJob.self)
        let done = JobFinished(job: job, outcome: .done)
        ending.given(JobStarted(job: job))
        #expect(try ending.when(FinishJob(done)).first?.event as? JobFinished == done)
        ending.given(JobCancelled(job: job))
        #expect(try ending.when(FinishJob(done)).isEmpty)
    }

    @Test("A job that trains asks for its run with it, and ends it where it ends before the run began")
    func trains() throws {
        let request = RequestJob(job: job, kind: .training, parameters: ["version": "2026.01.12_1"])
        let asked = try Scenario(RequestJob.self).when(request)
        #expect(asked.map(\.stream) == ["job-\(job)", "training-\(job)"])
        #expect(asked[1].event as? TrainingRequested == TrainingRequested(run: job, job: job, version: "2026.01.12_1"))
        let events = asked.map(\.event)
        var (calling, ending) = (Scenario(CancelJob.self), Scenario(FinishJob.self))
        for event in events {
            calling.given(event)
            ending.given(event)
        }
        let called = try calling.when(CancelJob(job: job))
        #expect(called.last?.event as? TrainingCancelled == TrainingCancelled(run: job, step: nil))
        let failed = JobFinished(job: job, outcome: .failed, message: "no source is named")
        let ended = try ending.when(FinishJob(failed))
        #expect(ended.map(\.stream) == ["job-\(job)", "training-\(job)"])
        #expect((ended.last?.event as? TrainingFailed)?.message == "no source is named")
        // A run that has begun says itself how it ended.
        ending.given(TrainingStarted(run: job, sourceKind: "csv", sourceName: "plant", conditions: [:]))
        #expect(try ending.when(FinishJob(failed)).count == 1)
    }

    @Test("The state says who asked, what became of it, and when")
    func folds() {
        var state = JobState()
        func take(_ event: any DomainEvent, at second: Int64, by actor: String = CommandContext.system) {
            state.apply(
                HistoricEvent(
                    position: UInt64(second),
                    stream: JobState.stream(job),
                    recordedAt: Timestamp(microseconds: second),
                    actor: actor,
                    event: event
                )
            )
        }
        take(JobRequested(job: job, kind: .backup, parameters: [:]), at: 1, by: "kim")
        #expect(state.status == .queued && state.asked?.actor == "kim" && state.status.isOpen)
        take(JobStarted(job: job), at: 2)
        #expect(state.status == .running && state.startedAt?.microseconds == 2)
        take(JobFinished(job: job, outcome: .interrupted), at: 3)
        #expect(state.status == .interrupted && !state.status.isOpen && state.endedAt?.microseconds == 3)
        #expect(state.position == 3)
    }
}
