internal import Glibc

/// Lets any number of transactions pass together, and a change of the map only when none is under way.
///
/// LMDB asks for this: the map may move only while the process has no transaction. A waiting change goes first, so readers
/// that come and go without a pause cannot keep the map from growing. A holder must not enter a second time.
final class ResizeGate: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)

    init() {
        var attributes = pthread_rwlockattr_t()
        pthread_rwlockattr_init(&attributes)
        pthread_rwlockattr_setkind_np(&attributes, Int32(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP))
        let code = pthread_rwlock_init(lock, &attributes)
        pthread_rwlockattr_destroy(&attributes)
        precondition(code == 0, "a lock can be made")
    }

    deinit {
        pthread_rwlock_destroy(lock)
        lock.deallocate()
    }

    /// Enters together with others.
    func enter() {
        let code = pthread_rwlock_rdlock(lock)
        precondition(code == 0, "the gate is entered once per thread")
    }

    /// Enters alone, after everyone has left.
    func enterAlone() {
        let code = pthread_rwlock_wrlock(lock)
        precondition(code == 0, "the gate is entered once per thread")
    }

    /// Leaves, however one entered.
    func leave() {
        let code = pthread_rwlock_unlock(lock)
        precondition(code == 0, "only who entered leaves")
    }
}
