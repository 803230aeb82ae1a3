// The controls of tsan.sh: each word on the command line is a way in which two threads share something, guarded or not.
import Foundation
import Glibc
import Synchronization

/// State that guards nothing by itself.
final class Plain: @unchecked Sendable {
    var number = 0
    private var list: [Int] = []

    func change() {
        number += 1
        list.append(number)
        if list.count > 50 { list = [] }
    }
}

final class Guard: Sendable {
    let lock = Mutex(())
    let state = Mutex<[Int]>([])
}

/// Calls a body many times on each of two threads that begin together.
func onBoth(_ body: @Sendable @escaping (_ thread: Int) -> Void) {
    let (ready, go, done) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    for thread in 0..<2 {
        Thread {
            ready.signal()
            go.wait()
            for _ in 0..<50_000 { body(thread) }
            done.signal()
        }.start()
    }
    for _ in 0..<2 { ready.wait() }
    for _ in 0..<2 { go.signal() }
    for _ in 0..<2 { done.wait() }
}

let plain = Plain()
let guards = [Guard(), Guard()]
switch CommandLine.arguments.dropFirst().first {
case "mutex": onBoth { _ in guards[0].lock.withLock { _ in plain.change() } }
case "mutex-state":
    onBoth { thread in
        guards[0].state.withLock { $0.append(thread) }
        _ = guards[0].state.withLock { $0.popLast() }
    }
case "mutex-if-available":
    onBoth { _ in _ = guards[0].lock.withLockIfAvailable { _ in plain.change() } }
case "pthread-mutex":
    nonisolated(unsafe) let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
    onBoth { _ in
        pthread_mutex_lock(lock)
        plain.change()
        pthread_mutex_unlock(lock)
    }
case "unguarded": onBoth { _ in plain.number += 1 }
case "two-mutexes": onBoth { thread in guards[thread].lock.withLock { _ in plain.number += 1 } }
case "half-guarded":
    onBoth { thread in
        if thread == 0 { guards[0].lock.withLock { _ in plain.number += 1 } } else { plain.number += 1 }
    }
case "empty-array": onBoth { _ in _ = [Int](unsafeUninitializedCapacity: 0) { $1 = 0 } }
case "array":
    onBoth { _ in
        _ = [Int](unsafeUninitializedCapacity: 1) {
            $0[0] = 1
            $1 = 1
        }
    }
default: exit(64)
}
