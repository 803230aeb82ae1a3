// Leaves the system call `write` to regular files, so that a fault put on it meets what is kept on a disk. What wakes a thread
// (eventfd), talks to a socket or to a terminal goes by pwritev2 instead: libdispatch and SwiftNIO wait for ever for an event
// whose announcement failed, which says nothing about a disk.
#define _GNU_SOURCE
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t write(int fd, const void *bytes, size_t count) {
    struct stat file;
    if (fstat(fd, &file) != 0 || S_ISREG(file.st_mode)) return syscall(SYS_write, fd, bytes, count);
    struct iovec part = {(void *)bytes, count};
    return pwritev2(fd, &part, 1, -1, 0);  // -1: where the descriptor stands
}

int eventfd_write(int fd, eventfd_t value) {
    return write(fd, &value, sizeof value) == sizeof value ? 0 : -1;
}
