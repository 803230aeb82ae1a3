// Tells ThreadSanitizer what it cannot see: that whoever takes a contended Synchronization.Mutex comes after whoever let it go.
// The quick ways in and out are compiled into the caller and are seen; the slow ones end in the kernel, by way of a Swift library
// that is not instrumented. Preloaded into a program that was built with -sanitize=thread; elsewhere it changes nothing.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

#define SWIFT __attribute__((swiftcall))
#define HANDLE __attribute__((swift_context)) void *handle

// _MutexHandle._lockSlow(_: UInt32)
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
SWIFT void lock_slow(uint32_t thread, HANDLE) __asm__(LOCK);
SWIFT void lock_slow(uint32_t thread, HANDLE) {
    ((SWIFT void (*)(uint32_t, HANDLE))dlsym(RTLD_NEXT, LOCK))(thread, handle);
    if (__tsan_acquire) __tsan_acquire(handle);
}

// _MutexHandle._tryLockSlow() -> Bool
#define TRY "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
SWIFT bool try_lock_slow(HANDLE) __asm__(TRY);
SWIFT bool try_lock_slow(HANDLE) {
    bool taken = ((SWIFT bool (*)(HANDLE))dlsym(RTLD_NEXT, TRY))(handle);
    if (taken && __tsan_acquire) __tsan_acquire(handle);
    return taken;
}

// _MutexHandle._unlockSlow()
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
SWIFT void unlock_slow(HANDLE) __asm__(UNLOCK);
SWIFT void unlock_slow(HANDLE) {
    if (__tsan_release) __tsan_release(handle);
    ((SWIFT void (*)(HANDLE))dlsym(RTLD_NEXT, UNLOCK))(handle);
}
