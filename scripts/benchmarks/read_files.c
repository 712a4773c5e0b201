/* The baseline of one agent cycle: opens, reads and closes the same files, and does nothing else.
 * read_files ROOT LIST ROUNDS: LIST has a path a line; one line with the processor time of each
 * round, in microseconds. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char buffer[65536];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

int main(int count, char **words) {
  if (count != 4) return 2;
  FILE *list = fopen(words[2], "r");
  if (!list) return perror(words[2]), 1;
  static char *paths[100000];
  int files = 0;
  size_t room = 0;
  ssize_t length;
  char *line = NULL;
  while (files < 100000 && (length = getline(&line, &room, list)) > 0) {
    line[length - 1] = 0;
    paths[files++] = strdup(line);
  }
  if (chroot(words[1]) || chdir("/")) return perror(words[1]), 1;
  for (int round = atoi(words[3]); round > 0; round--) {
    double begun = now();
    for (int file = 0; file < files; file++) {
      int number = open(paths[file], O_RDONLY | O_CLOEXEC);
      if (number < 0) return perror(paths[file]), 1;
      while (read(number, buffer, sizeof buffer) > 0) continue;
      close(number);
    }
    printf("%.1f\n", now() - begun);
  }
  return 0;
}
