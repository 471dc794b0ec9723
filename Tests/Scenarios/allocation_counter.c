// SPDX-License-Identifier: Apache-2.0
//
// Counts what a program asks of the C library's allocator and of its locks. Preloaded by a test (LD_PRELOAD); the
// counts lie in the file that ALLOCATION_COUNTER names, as unsigned 64-bit numbers in the order of `struct counts`.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct counts {
    _Atomic uint64_t allocations;
    _Atomic uint64_t bytes;
    _Atomic uint64_t frees;
    _Atomic uint64_t locks;
    _Atomic uint64_t contended_locks;
    _Atomic uint64_t futexes;
};

static struct counts unmapped;
static struct counts *counts = &unmapped;

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static int (*real_posix_memalign)(void **, size_t, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static int (*real_mutex_lock)(pthread_mutex_t *);
static long (*real_syscall)(long, ...);

// dlsym itself allocates; until the real functions are known, blocks come from here and are never given back.
static char early[1 << 16];
static size_t early_used;

static void *early_block(size_t size) {
    size_t start = (early_used + 15) & ~(size_t)15;
    if (start + size > sizeof early) abort();
    early_used = start + size;
    return early + start;
}

static int is_early(void *block) { return (char *)block >= early && (char *)block < early + sizeof early; }

static int is_finding;

// Runs at the first call of any of these functions, which is before other libraries' constructors.
static void find(void) {
    if (is_finding) return;
    is_finding = 1;
    real_calloc = dlsym(RTLD_NEXT, "calloc");
    real_realloc = dlsym(RTLD_NEXT, "realloc");
    real_free = dlsym(RTLD_NEXT, "free");
    real_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    real_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    real_mutex_lock = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    real_syscall = dlsym(RTLD_NEXT, "syscall");
    real_malloc = dlsym(RTLD_NEXT, "malloc");
}

__attribute__((constructor)) static void begin(void) {
    find();
    const char *path = getenv("ALLOCATION_COUNTER");
    int file = path ? open(path, O_RDWR | O_CREAT, 0600) : -1;
    if (file < 0 || ftruncate(file, sizeof *counts) < 0) return;
    void *mapped = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) counts = mapped;
}

static void count(size_t size) {
    atomic_fetch_add_explicit(&counts->allocations, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->bytes, size, memory_order_relaxed);
}

void *malloc(size_t size) {
    if (!real_malloc) find();
    if (!real_malloc) return early_block(size);
    count(size);
    return real_malloc(size);
}

void *calloc(size_t number, size_t size) {
    if (!real_malloc) find();
    if (!real_malloc) return early_block(number * size);
    count(number * size);
    return real_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    if (!real_malloc) find();
    if (!real_malloc) return early_block(size);
    if (is_early(block)) {
        void *moved = malloc(size);
        size_t rest = (size_t)(early + sizeof early - (char *)block);
        return moved ? memcpy(moved, block, size < rest ? size : rest) : NULL;
    }
    count(size);
    return real_realloc(block, size);
}

void free(void *block) {
    if (!block || is_early(block) || !real_free) return;
    atomic_fetch_add_explicit(&counts->frees, 1, memory_order_relaxed);
    real_free(block);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (!real_malloc) find();
    if (!real_malloc) return ENOMEM;
    count(size);
    return real_posix_memalign(block, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    if (!real_malloc) find();
    if (!real_malloc) return NULL;
    count(size);
    return real_aligned_alloc(alignment, size);
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
    if (!real_mutex_lock) find();
    if (!real_mutex_lock) return 0;
    atomic_fetch_add_explicit(&counts->locks, 1, memory_order_relaxed);
    int result = pthread_mutex_trylock(mutex);
    if (result != EBUSY) return result;
    atomic_fetch_add_explicit(&counts->contended_locks, 1, memory_order_relaxed);
    return real_mutex_lock(mutex);
}

// Swift's Mutex waits and wakes with futex(2) through this function, and only when it is contended.
long syscall(long number, ...) {
    va_list list;
    long a[6];
    va_start(list, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex) atomic_fetch_add_explicit(&counts->futexes, 1, memory_order_relaxed);
    return real_syscall ? real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]) : -1;
}
