#include "CMallocCount.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

// glibc keeps its own entry points under these names, so that a program may define malloc itself.
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static atomic_ullong all;
static __thread uint64_t mine;

static inline void count(void) {
  atomic_fetch_add_explicit(&all, 1, memory_order_relaxed);
  mine++;
}

uint64_t tg_allocations(void) { return atomic_load_explicit(&all, memory_order_relaxed); }
uint64_t tg_thread_allocations(void) { return mine; }

void *malloc(size_t bytes) {
  count();
  return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes) {
  count();
  return __libc_calloc(n, bytes);
}

void *realloc(void *p, size_t bytes) {
  count();
  return __libc_realloc(p, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **p, size_t alignment, size_t bytes) {
  count();
  void *memory = __libc_memalign(alignment, bytes);
  if (!memory) return ENOMEM;
  *p = memory;
  return 0;
}
