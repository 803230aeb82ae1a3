// Records, in order, every change that a process makes to files under $RECORD_ROOT, every synchronisation, and what it says
// on standard output, into the file $RECORD_TO. From that record the tests build each state that a power cut could leave.
//
// An entry, all numbers of the machine's own order:
//   u8 kind, u8 synchronous, u16 length of path, u16 length of second path, u16 0, u64 inode, u64 offset, u64 count,
//   path, second path, then `count` bytes for a write or an output.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, LINK, UNLINK, MAKE_FOLDER, OUTPUT, REMOVE_FOLDER };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int record = -1;
static char root[PATH_MAX];
static size_t root_length;

__attribute__((constructor)) static void begin(void) {
    const char *to = getenv("RECORD_TO"), *under = getenv("RECORD_ROOT");
    if (!to || !under || !realpath(under, root)) return;
    root_length = strlen(root);
    record = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *bytes, size_t count) {
    for (const char *at = bytes; count > 0;) {
        long done = syscall(SYS_write, record, at, count);
        if (done <= 0) _exit(97);  // a record with a gap proves nothing
        at += done, count -= (size_t)done;
    }
}

static void entry(int kind, int synchronous, const char *path, const char *second, uint64_t inode, uint64_t offset,
                  const void *bytes, uint64_t count) {
    if (record < 0) return;
    uint16_t first_length = path ? (uint16_t)strlen(path) : 0, second_length = second ? (uint16_t)strlen(second) : 0;
    unsigned char head[32] = {(unsigned char)kind, (unsigned char)synchronous};
    memcpy(head + 2, &first_length, 2), memcpy(head + 4, &second_length, 2);
    memcpy(head + 8, &inode, 8), memcpy(head + 16, &offset, 8), memcpy(head + 24, &count, 8);
    pthread_mutex_lock(&lock);
    put(head, sizeof head), put(path, first_length), put(second, second_length);
    if (bytes) put(bytes, count);
    pthread_mutex_unlock(&lock);
}

// The absolute path of a name as a call meets it, if it lies under the root: its folder resolved, its last part left alone.
static int inside(int folder, const char *path, char *out) {
    char whole[2 * PATH_MAX], parent[PATH_MAX], link[64];
    if (record < 0 || !path) return 0;
    if (path[0] == '/' || folder == AT_FDCWD) {
        snprintf(whole, sizeof whole, "%s", path);
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t got = readlink(link, parent, sizeof parent - 1);
        if (got < 0) return 0;
        parent[got] = 0;
        snprintf(whole, sizeof whole, "%s/%s", parent, path);
    }
    char *name = strrchr(whole, '/');
    if (name) *name++ = 0; else name = whole;
    if (!realpath(name == whole ? "." : whole[0] ? whole : "/", parent)) return 0;
    if (snprintf(out, PATH_MAX, "%s/%s", parent, name) >= PATH_MAX) return 0;
    return strncmp(out, root, root_length) == 0 && (out[root_length] == '/' || out[root_length] == 0);
}

// The path, inode and synchronous flag of a descriptor under the root.
static int known(int fd, char *path, struct stat *about, int *synchronous) {
    char link[64];
    if (record < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(link, path, PATH_MAX - 1);
    if (got < 0) return 0;
    path[got] = 0;
    if (strncmp(path, root, root_length) != 0 || fstat(fd, about) != 0) return 0;
    *synchronous = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    return 1;
}

static void wrote(int fd, const struct iovec *parts, int count, off64_t offset, ssize_t done) {
    char path[PATH_MAX];
    struct stat about;
    int synchronous;
    if (done <= 0) return;
    int saved = errno;
    int output = fd == 1;
    if (!output && !known(fd, path, &about, &synchronous)) return;
    if (offset < 0 && !output) offset = lseek64(fd, 0, SEEK_CUR) - done;
    char *bytes = malloc((size_t)done);
    size_t filled = 0;
    for (int i = 0; i < count && filled < (size_t)done; i++) {
        size_t part = parts[i].iov_len < (size_t)done - filled ? parts[i].iov_len : (size_t)done - filled;
        memcpy(bytes + filled, parts[i].iov_base, part);
        filled += part;
    }
    if (output) entry(OUTPUT, 0, NULL, NULL, 0, 0, bytes, (uint64_t)done);
    else entry(WRITE, synchronous, path, NULL, about.st_ino, (uint64_t)offset, bytes, (uint64_t)done);
    free(bytes);
    errno = saved;
}

#define NEXT(NAME) ((__typeof__(&NAME))dlsym(RTLD_NEXT, #NAME))

#define OPENED(FOLDER)                                                                        \
    char whole[PATH_MAX];                                                                     \
    struct stat about;                                                                        \
    if (fd >= 0 && flags & (O_CREAT | O_TRUNC) && inside(FOLDER, path, whole) && fstat(fd, &about) == 0) { \
        if (flags & O_CREAT) entry(CREATE, 0, whole, NULL, about.st_ino, 0, NULL, 0);         \
        if (flags & O_TRUNC) entry(TRUNCATE, 0, whole, NULL, about.st_ino, 0, NULL, 0);       \
    }                                                                                         \
    return fd;
#define MODE                                                                                  \
    va_list rest;                                                                             \
    va_start(rest, flags);                                                                    \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;                 \
    va_end(rest);
int open(const char *path, int flags, ...) { MODE int fd = NEXT(open)(path, flags, mode); OPENED(AT_FDCWD) }
int open64(const char *path, int flags, ...) { MODE int fd = NEXT(open64)(path, flags, mode); OPENED(AT_FDCWD) }
int openat(int folder, const char *path, int flags, ...) { MODE int fd = NEXT(openat)(folder, path, flags, mode); OPENED(folder) }
int openat64(int folder, const char *path, int flags, ...) { MODE int fd = NEXT(openat64)(folder, path, flags, mode); OPENED(folder) }

ssize_t write(int fd, const void *bytes, size_t count) {
    struct iovec part = {(void *)bytes, count};
    ssize_t done = (ssize_t)NEXT(write)(fd, bytes, count);
    wrote(fd, &part, 1, -1, done);
    return done;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    ssize_t done = NEXT(writev)(fd, parts, count);
    wrote(fd, parts, count, -1, done);
    return done;
}
#define PWRITE(NAME, TYPE)                                                     \
    ssize_t NAME(int fd, const void *bytes, size_t count, TYPE offset) {       \
        struct iovec part = {(void *)bytes, count};                            \
        ssize_t done = NEXT(NAME)(fd, bytes, count, offset);                   \
        wrote(fd, &part, 1, offset, done);                                     \
        return done;                                                           \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
#define PWRITEV(NAME, TYPE)                                                    \
    ssize_t NAME(int fd, const struct iovec *parts, int count, TYPE offset) {  \
        ssize_t done = NEXT(NAME)(fd, parts, count, offset);                   \
        wrote(fd, parts, count, offset, done);                                 \
        return done;                                                           \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

static int resized(int fd, uint64_t size, int result) {
    char path[PATH_MAX];
    struct stat about;
    int synchronous;
    if (result == 0 && known(fd, path, &about, &synchronous)) entry(TRUNCATE, 0, path, NULL, about.st_ino, size, NULL, 0);
    return result;
}
int ftruncate(int fd, off_t size) { return resized(fd, (uint64_t)size, NEXT(ftruncate)(fd, size)); }
int ftruncate64(int fd, off64_t size) { return resized(fd, (uint64_t)size, NEXT(ftruncate64)(fd, size)); }

static int synchronised(int fd, int result) {
    char path[PATH_MAX];
    struct stat about;
    int synchronous;
    if (result == 0 && known(fd, path, &about, &synchronous)) entry(SYNC, 0, path, NULL, about.st_ino, 0, NULL, 0);
    return result;
}
int fsync(int fd) { return synchronised(fd, NEXT(fsync)(fd)); }
int fdatasync(int fd) { return synchronised(fd, NEXT(fdatasync)(fd)); }

static int named(int kind, int from_folder, const char *from, int to_folder, const char *to, int result) {
    char first[PATH_MAX] = "", second[PATH_MAX] = "";
    if (result != 0) return result;
    int one = inside(from_folder, from, first), two = to ? inside(to_folder, to, second) : 0;
    if (one || two) entry(kind, 0, first, second, 0, 0, NULL, 0);
    return result;
}
int rename(const char *from, const char *to) { return named(RENAME, AT_FDCWD, from, AT_FDCWD, to, NEXT(rename)(from, to)); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    return named(RENAME, a, from, b, to, NEXT(renameat2)(a, from, b, to, flags));
}
int renameat(int a, const char *from, int b, const char *to) { return named(RENAME, a, from, b, to, NEXT(renameat)(a, from, b, to)); }
int link(const char *from, const char *to) { return named(LINK, AT_FDCWD, from, AT_FDCWD, to, NEXT(link)(from, to)); }
int linkat(int a, const char *from, int b, const char *to, int flags) {
    return named(LINK, a, from, b, to, NEXT(linkat)(a, from, b, to, flags));
}
int unlink(const char *path) { return named(UNLINK, AT_FDCWD, path, 0, NULL, NEXT(unlink)(path)); }
int unlinkat(int folder, const char *path, int flags) {
    return named(flags & AT_REMOVEDIR ? REMOVE_FOLDER : UNLINK, folder, path, 0, NULL, NEXT(unlinkat)(folder, path, flags));
}
int rmdir(const char *path) { return named(REMOVE_FOLDER, AT_FDCWD, path, 0, NULL, NEXT(rmdir)(path)); }
int mkdir(const char *path, mode_t mode) { return named(MAKE_FOLDER, AT_FDCWD, path, 0, NULL, NEXT(mkdir)(path, mode)); }
int mkdirat(int folder, const char *path, mode_t mode) {
    return named(MAKE_FOLDER, folder, path, 0, NULL, NEXT(mkdirat)(folder, path, mode));
}
