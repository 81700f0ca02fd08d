#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int tg_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

int tg_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

void tg_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

int tg_thread_pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

int tg_gettid(void) { return (int)syscall(SYS_gettid); }

int64_t tg_thread_cpu_nanos(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void *tg_map(size_t bytes) {
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

// Advice that a kernel does not know or a container refuses is no loss: the pages then come on demand.
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void *tg_map_ready(size_t bytes) {
  void *p = tg_map(bytes);
  if (!p) return NULL;
  madvise(p, bytes, MADV_HUGEPAGE);
  madvise(p, bytes, MADV_POPULATE_WRITE);
  return p;
}

void tg_unmap(void *memory, size_t bytes) { munmap(memory, bytes); }

const void *tg_find(const void *text, size_t text_bytes, const void *part, size_t part_bytes) {
  return memmem(text, text_bytes, part, part_bytes);
}

int tg_preallocate(int fd, int64_t bytes) { return fallocate(fd, 0, 0, bytes) == 0 ? 0 : errno; }

int tg_peer_uid(int fd) {
  struct ucred peer;
  socklen_t length = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? (int)peer.uid : -1;
}
