internal import CPOSIX
internal import Glibc

/// A lock with a condition whose waits end by the monotonic clock, so that a step of the wall clock stretches none.
final class MonotonicCondition: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        let code = pthread_mutex_init(mutex, nil) | cposix_condition_init(condition)
        precondition(code == 0, "a condition can be made")
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func lock() { pthread_mutex_lock(mutex) }

    func unlock() { pthread_mutex_unlock(mutex) }

    /// Wakes one waiting thread; the lock is held.
    func signal() { pthread_cond_signal(condition) }

    /// Wakes all waiting threads; the lock is held.
    func broadcast() { pthread_cond_broadcast(condition) }

    /// Lets go of the lock until woken, possibly for nothing, and holds it again after; false when the time had come.
    func wait(until nanoseconds: Int64) -> Bool {
        cposix_condition_wait(condition, mutex, nanoseconds) == 0
    }

    /// Lets go of the lock until woken, possibly for nothing.
    func wait() { pthread_cond_wait(condition, mutex) }

    /// The monotonic clock in nanoseconds.
    static func now() -> Int64 { cposix_monotonic_ns() }
}
