// Counts allocations of this process by standing in front of the C library's allocator. Only in the benchmark.
#pragma once
#include <stdint.h>

/// Allocations of all threads since the start (malloc, calloc, realloc, aligned forms).
uint64_t tg_allocations(void);
/// Allocations of the calling thread.
uint64_t tg_thread_allocations(void);
