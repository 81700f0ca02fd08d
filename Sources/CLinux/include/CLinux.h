// Linux calls that the Glibc module does not export to Swift, and constants that it cannot import.
#pragma once
#include <stdint.h>
// epoll_create1, epoll_ctl, epoll_wait, epoll_pwait2 and their event.
#include <sys/epoll.h>
#include <sys/types.h>

/// eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); -1 and errno on failure.
int tg_eventfd(void);
/// accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC).
int tg_accept(int fd);
/// Names the calling thread (15 bytes are kept).
void tg_thread_name(const char *name);
/// Pins the calling thread to one CPU; 0 or an errno.
int tg_thread_pin(int cpu);
/// Kernel id of the calling thread.
int tg_gettid(void);
/// CPU time of the calling thread, ns.
int64_t tg_thread_cpu_nanos(void);
/// Anonymous zeroed memory, not backed until touched; NULL and errno on failure.
void *tg_map(size_t bytes);
// The same, but every page is there before the first use: no page fault on a hot path.
void *tg_map_ready(size_t bytes);
void tg_unmap(void *memory, size_t bytes);
/// Asks for the cache line of an address, which need not be valid, so that a later look-up need not wait for it.
static inline void tg_prefetch(const void *address) { __builtin_prefetch(address); }
/// memmem: the first place of `part` in `text`, or NULL.
const void *tg_find(const void *text, size_t text_bytes, const void *part, size_t part_bytes);
/// fallocate(fd, 0, 0, bytes); 0 or an errno.
int tg_preallocate(int fd, int64_t bytes);
/// accept4 on a Unix socket: uid of the peer, or -1.
int tg_peer_uid(int fd);
