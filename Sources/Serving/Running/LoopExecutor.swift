internal import NIOCore

/// Runs tasks on the event loop of their connection, so that a request is read, answered and written by one thread.
///
/// For services whose answers are computation alone: nothing that is answered there may block.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        loop.execute { job.runSynchronously(on: executor) }
    }
}
