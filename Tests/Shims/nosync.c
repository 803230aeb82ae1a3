// The control of the power-cut tests: a disk that says "synchronised" and does nothing. Preloaded into a writer, it must
// make acknowledged events disappear in a cut; if it does not, the tests prove nothing.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

int fsync(int fd) { (void)fd; return 0; }
int fdatasync(int fd) { (void)fd; return 0; }
int msync(void *address, size_t length, int flags) { (void)address, (void)length, (void)flags; return 0; }
int sync_file_range(int fd, off64_t offset, off64_t count, unsigned flags) {
    (void)fd, (void)offset, (void)count, (void)flags;
    return 0;
}

// LMDB writes its meta page through a descriptor that was opened to synchronise by itself.
#define OPEN(NAME)                                                                       \
    int NAME(const char *path, int flags, ...) {                                         \
        va_list rest;                                                                    \
        va_start(rest, flags);                                                           \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;        \
        va_end(rest);                                                                    \
        int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #NAME); \
        return next(path, flags & ~(O_SYNC | O_DSYNC), mode);                            \
    }
OPEN(open)
OPEN(open64)
