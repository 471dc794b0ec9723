// Free lists of small blocks, one set for each thread, for the C libraries on the path of a hit: nghttp2 makes and frees
// five blocks for each stream, OpenSSL one to three for each record. A block may be freed by another thread than the one
// that took it; it then joins that thread's lists. What a thread keeps is bounded; the rest goes back to malloc, and so
// does all of it when the thread ends.
#include "clinux.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    smallest_shift = 6,
    class_count = 6,
    // A block of its own size, from malloc.
    class_single = class_count,
    // A TLS record's buffer, in pages of its own that are used again.
    class_record = class_count + 1,
    // A large block in pages of its own: what is never written takes no memory. They are used again for the same kind of
    // thing, which writes the same of them: a connection that is short costs no mapping.
    class_fresh = class_count + 2,
    header_bytes = 16,
    kept_bytes_max = 8 << 20,
    large_bytes_min = 16384,
    mapped_bytes = 20480,
    mapped_kept_max = 256,
    fresh_kept_max = 64,
};

// In front of each block: the number of its size class.
struct block {
    size_t class;
};

struct free_block {
    struct free_block *next;
};

static _Thread_local struct free_block *lists[class_count];
static _Thread_local size_t kept_bytes;
static _Thread_local struct free_block *mapped_list;
static _Thread_local size_t mapped_kept;
static _Thread_local struct free_block *fresh_list;
static _Thread_local size_t fresh_kept;

static _Thread_local int is_registered;
static pthread_key_t end_of_thread;
static pthread_once_t end_of_thread_once = PTHREAD_ONCE_INIT;

static size_t class_of(size_t size) {
    if (size <= (size_t)1 << smallest_shift) return 0;
    size_t shift = 64 - (size_t)__builtin_clzl(size - 1);
    return shift - smallest_shift < class_count ? shift - smallest_shift : class_count;
}

static size_t class_bytes(size_t class) { return (size_t)1 << (class + smallest_shift); }

static struct block *header_of(void *memory) { return (struct block *)((char *)memory - header_bytes); }

static int is_large(size_t size) { return size >= large_bytes_min && size <= mapped_bytes - header_bytes; }

static void *map_pages(size_t class) {
    struct block *block = mmap(NULL, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return NULL;
    block->class = class;
    return (char *)block + header_bytes;
}

static void unmap_all(struct free_block *list) {
    while (list) {
        struct free_block *next = list->next;
        munmap(list, mapped_bytes);
        list = next;
    }
}

// What is given after this, by a destructor that comes later, stays with the thread: nothing is lost but that.
static void thread_ends(void *unused) {
    (void)unused;
    for (size_t class = 0; class < class_count; class++) {
        while (lists[class]) {
            struct free_block *freed = lists[class];
            lists[class] = freed->next;
            free(header_of(freed));
        }
    }
    kept_bytes = 0;
    unmap_all(mapped_list);
    unmap_all(fresh_list);
    mapped_list = fresh_list = NULL;
    mapped_kept = fresh_kept = 0;
}

static void make_key(void) { pthread_key_create(&end_of_thread, thread_ends); }

// The thread keeps something: it is to be given back when it ends.
static void register_thread(void) {
    pthread_once(&end_of_thread_once, make_key);
    // Any value but NULL calls the destructor.
    is_registered = pthread_setspecific(end_of_thread, &is_registered) == 0;
}

static void give_mapped(struct block *block) {
    if (!is_registered) register_thread();
    size_t *kept = block->class == class_fresh ? &fresh_kept : &mapped_kept;
    struct free_block **list = block->class == class_fresh ? &fresh_list : &mapped_list;
    if (*kept >= (size_t)(block->class == class_fresh ? fresh_kept_max : mapped_kept_max)) {
        munmap(block, mapped_bytes);
        return;
    }
    struct free_block *freed = (struct free_block *)block;
    freed->next = *list;
    *list = freed;
    (*kept)++;
}

static void *take_fresh(void) {
    struct block *block = (struct block *)fresh_list;
    if (!block) return map_pages(class_fresh);
    fresh_list = fresh_list->next;
    fresh_kept--;
    block->class = class_fresh;
    return (char *)block + header_bytes;
}

void *spw_block_take(size_t size) {
    size_t class = class_of(size);
    if (class < class_count && lists[class]) {
        struct free_block *found = lists[class];
        lists[class] = found->next;
        kept_bytes -= class_bytes(class);
        return found;
    }
    void *pages = is_large(size) ? take_fresh() : NULL;
    if (pages) return pages;
    // Also when the system has no further mapping for us.
    size_t bytes = class < class_count ? class_bytes(class) : size;
    if (bytes > SIZE_MAX - header_bytes) return NULL;
    struct block *made = malloc(bytes + header_bytes);
    if (!made) return NULL;
    made->class = class;
    return (char *)made + header_bytes;
}

void *spw_block_take_zeroed(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    void *memory = spw_block_take(bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

// Buffers of idle connections go back to the system as whole pages. In the heap they would leave holes, which other
// blocks fill but which never become less.
void *spw_record_take(size_t size) {
    if (!is_large(size)) return spw_block_take(size);
    struct block *block = (struct block *)mapped_list;
    if (!block) {
        void *pages = map_pages(class_record);
        return pages ? pages : spw_block_take(size);
    }
    mapped_list = mapped_list->next;
    mapped_kept--;
    block->class = class_record;
    return (char *)block + header_bytes;
}

void spw_block_give(void *memory) {
    if (!memory) return;
    struct block *block = header_of(memory);
    size_t class = block->class;
    if (class == class_record || class == class_fresh) {
        give_mapped(block);
        return;
    }
    if (class >= class_count || kept_bytes + class_bytes(class) > kept_bytes_max) {
        free(block);
        return;
    }
    if (!is_registered) register_thread();
    struct free_block *freed = memory;
    freed->next = lists[class];
    lists[class] = freed;
    kept_bytes += class_bytes(class);
}

void *spw_block_resize(void *memory, size_t size) {
    if (!memory) return spw_block_take(size);
    struct block *block = header_of(memory);
    if (block->class == class_record || block->class == class_fresh) {
        if (size <= mapped_bytes - header_bytes) return memory;
        void *larger = spw_block_take(size);
        if (!larger) return NULL;
        memcpy(larger, memory, mapped_bytes - header_bytes);
        give_mapped(block);
        return larger;
    }
    if (block->class == class_single) {
        // A block of its own size stays one, however small it becomes.
        if (size > SIZE_MAX - header_bytes) return NULL;
        block = realloc(block, size + header_bytes);
        return block ? (char *)block + header_bytes : NULL;
    }
    size_t held = class_bytes(block->class);
    if (size <= held) return memory;
    void *larger = spw_block_take(size);
    if (!larger) return NULL;
    memcpy(larger, memory, held);
    spw_block_give(memory);
    return larger;
}
