// Linux calls that Swift's Glibc overlay does not offer, or offers only as variadic macros.
// Every function returns -1 and sets errno on failure, as the call it wraps does.
#ifndef DAYBOOK_CPOSIX_H
#define DAYBOOK_CPOSIX_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/// Opens `path` beneath the directory `dirfd`: no absolute path, no "..", no symbolic or magic link on the way.
int cposix_open_beneath(int dirfd, const char *path, int flags, uint32_t mode);

/// The f_type of the file system that holds `path`.
int cposix_file_system_type(const char *path, int64_t *type);

/// flock(2): exclusive when `exclusive` is not 0, without waiting when `wait` is 0 (EWOULDBLOCK when held).
int cposix_flock(int fd, int exclusive, int wait);

/// flock(2) with LOCK_UN: free for others at once, whoever else holds a copy of the descriptor.
int cposix_unlock(int fd);

/// renameat2(2) with RENAME_NOREPLACE: EEXIST when `to` exists.
int cposix_rename_new(const char *from, const char *to);

/// renameat2(2) with RENAME_EXCHANGE: both exist and change places in one step.
int cposix_rename_exchange(const char *one, const char *other);

/// Makes malloc give memory back: two arenas, and whatever is free above 8 MiB at an arena's end.
///
/// glibc otherwise raises its own thresholds while pages of events come and go, and a rebuild of 1M events ends with 180 MB
/// that nobody uses instead of 80. The rate stays within the spread of its runs (0.52 of the peer beside 0.53).
void cposix_return_freed_memory(void);

struct cposix_clock {
    int64_t wall_us;            // CLOCK_REALTIME, microseconds since 1970
    int64_t boot_us;            // CLOCK_BOOTTIME, microseconds since the machine started, sleep included
    int32_t synchronised;       // 1 when the kernel's clock is disciplined by NTP or PTP
    uint32_t estimated_error_ms;
};

/// One reading of the wall clock, the boot clock and the clock's state.
int cposix_read_clock(struct cposix_clock *reading);

/// CLOCK_MONOTONIC in nanoseconds.
int64_t cposix_monotonic_ns(void);

/// A condition whose timed waits follow CLOCK_MONOTONIC.
int cposix_condition_init(pthread_cond_t *condition);

/// pthread_cond_timedwait until a time of CLOCK_MONOTONIC in nanoseconds: 0, or ETIMEDOUT.
int cposix_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t until_ns);

/// Sends one datagram to a local socket without waiting; a path that starts with '@' is in the abstract name space.
int cposix_send_datagram(const char *path, const char *message, size_t length);

/// pipe2(2) with O_CLOEXEC: no program that is started meanwhile holds an end of it.
int cposix_pipe(int ends[2]);

/// Starts a program in a process group of its own, in the folder `folder`, with these three standard streams and no other open file.
///
/// Signals are as a new program expects them, none blocked. Returns 0, or the error number; `*pid` is then untouched.
int cposix_spawn(int32_t *pid, const char *path, char *const *words, char *const *environment, const char *folder, int input,
                 int output, int errors);

#endif
