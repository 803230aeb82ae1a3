#define _GNU_SOURCE
#include "cposix.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

int cposix_open_beneath(int dirfd, const char *path, int flags, uint32_t mode) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,  // openat2 refuses a mode where nothing is created
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

int cposix_file_system_type(const char *path, int64_t *type) {
    struct statfs buffer;
    if (statfs(path, &buffer) != 0) return -1;
    *type = (int64_t)buffer.f_type;
    return 0;
}

int cposix_flock(int fd, int exclusive, int wait) {
    return flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB));
}

int cposix_unlock(int fd) { return flock(fd, LOCK_UN); }

int cposix_rename_new(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int cposix_rename_exchange(const char *one, const char *other) {
    return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

void cposix_return_freed_memory(void) {
    mallopt(M_ARENA_MAX, 2);
    // Pages of events come and go: from the heap, not by a map each.
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

static int64_t microseconds(struct timespec time) {
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int cposix_read_clock(struct cposix_clock *reading) {
    struct timespec wall, boot, after;
    // A reading interrupted between the two clocks would look like a step of the wall clock: look again, at most 16 times.
    for (int attempt = 0; attempt < 16; attempt++) {
        if (clock_gettime(CLOCK_BOOTTIME, &boot) != 0 || clock_gettime(CLOCK_REALTIME, &wall) != 0 ||
            clock_gettime(CLOCK_BOOTTIME, &after) != 0) {
            return -1;
        }
        if (microseconds(after) - microseconds(boot) < 1000) break;
    }
    reading->wall_us = microseconds(wall);
    reading->boot_us = microseconds(boot);
    struct timex state = {.modes = 0};
    int status = adjtimex(&state);
    reading->synchronised = status != TIME_ERROR && status >= 0 && !(state.status & STA_UNSYNC);
    reading->estimated_error_ms = status < 0 || state.esterror < 0 ? UINT32_MAX : (uint32_t)(state.esterror / 1000);
    return 0;
}

int64_t cposix_monotonic_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int cposix_condition_init(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int code = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return code;
}

int cposix_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t until_ns) {
    struct timespec time = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    return pthread_cond_timedwait(condition, mutex, &time);
}

int cposix_send_datagram(const char *path, const char *message, size_t length) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof address.sun_path) {
        errno = EINVAL;
        return -1;
    }
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') address.sun_path[0] = '\0';
    socklen_t used = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (path[0] == '@' ? 0 : 1));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    ssize_t sent = sendto(fd, message, length, MSG_NOSIGNAL, (struct sockaddr *)&address, used);
    int error = errno;
    close(fd);
    errno = error;
    return sent == (ssize_t)length ? 0 : -1;
}

int cposix_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int cposix_spawn(int32_t *pid, const char *path, char *const *words, char *const *environment, const char *folder, int input,
                 int output, int errors) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int code = posix_spawn_file_actions_init(&files);
    if (code != 0) return code;
    code = posix_spawnattr_init(&attributes);
    if (code == 0) code = posix_spawn_file_actions_adddup2(&files, input, 0);
    if (code == 0) code = posix_spawn_file_actions_adddup2(&files, output, 1);
    if (code == 0) code = posix_spawn_file_actions_adddup2(&files, errors, 2);
    if (code == 0) code = posix_spawn_file_actions_addclosefrom_np(&files, 3);
    if (code == 0) code = posix_spawn_file_actions_addchdir_np(&files, folder);
    if (code == 0) code = posix_spawnattr_setpgroup(&attributes, 0);
    if (code == 0) code = posix_spawnattr_setsigdefault(&attributes, &all);
    if (code == 0) code = posix_spawnattr_setsigmask(&attributes, &none);
    if (code == 0) {
        code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    }
    pid_t started = 0;
    if (code == 0) code = posix_spawn(&started, path, &files, &attributes, words, environment);
    if (code == 0) *pid = started;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return code;
}
