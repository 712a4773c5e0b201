/* Loaded before a program (LD_PRELOAD), so that what no test can ask of a real kernel happens to it:
 * reads that fail or never end in the middle of a file, and a wall clock that is wrong.
 *
 * INTERPOSE_READS names a file of one line, "SUFFIX AFTER ERRNO": reads of files whose path ends with
 * SUFFIX fail with ERRNO from byte AFTER on; with ERRNO 0 they never end. Without the file nothing is
 * wrong. INTERPOSE_CLOCK is what the wall clock is off, in seconds. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static ssize_t (*next_read)(int, void *, size_t);

/* Whether the orders are about this file; their numbers, if so. */
static int concerns(int fd, off_t *after, int *error) {
  const char *orders = getenv("INTERPOSE_READS");
  struct stat about;
  if (!orders || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) return 0;
  int order = open(orders, O_RDONLY | O_CLOEXEC);
  if (order < 0) return 0;
  char text[1024], suffix[1024], link[64], path[4096];
  ssize_t length = next_read(order, text, sizeof text - 1);
  close(order);
  if (length <= 0) return 0;
  text[length] = 0;
  long long from;
  if (sscanf(text, "%1000s %lld %d", suffix, &from, error) != 3) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  length = readlink(link, path, sizeof path - 1);
  if (length < (ssize_t)strlen(suffix)) return 0;
  path[length] = 0;
  *after = from;
  return strcmp(path + length - strlen(suffix), suffix) == 0;
}

ssize_t read(int fd, void *buffer, size_t size) {
  if (!next_read) next_read = dlsym(RTLD_NEXT, "read");
  int before = errno, error = 0;
  off_t after = 0;
  if (!concerns(fd, &after, &error)) {
    errno = before;
    return next_read(fd, buffer, size);
  }
  off_t position = lseek(fd, 0, SEEK_CUR);
  if (position < after) {
    size_t left = (size_t)(after - position);
    ssize_t count = next_read(fd, buffer, size < left ? size : left);
    if (count != 0 || error == 0) return count;
    /* The file is shorter than that: the failure comes at its end. */
  }
  if (error != 0) {
    errno = error;
    return -1;
  }
  for (size_t place = 0; place < size; place++) ((char *)buffer)[place] = place % 64 ? 'x' : '\n';
  return (ssize_t)size;
}

/* What SQLite reads with; only failing, from byte AFTER on. */
ssize_t pread64(int fd, void *buffer, size_t size, off64_t offset) {
  static ssize_t (*next)(int, void *, size_t, off64_t);
  if (!next) next = dlsym(RTLD_NEXT, "pread64");
  if (!next_read) next_read = dlsym(RTLD_NEXT, "read");
  int before = errno, error = 0;
  off_t after = 0;
  if (concerns(fd, &after, &error) && error != 0 && offset + (off64_t)size > after) {
    errno = error;
    return -1;
  }
  errno = before;
  return next(fd, buffer, size, offset);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*next)(clockid_t, struct timespec *);
  if (!next) next = dlsym(RTLD_NEXT, "clock_gettime");
  int result = next(clock, time);
  const char *off = getenv("INTERPOSE_CLOCK");
  if (result == 0 && off && clock == CLOCK_REALTIME) time->tv_sec += atoll(off);
  return result;
}
