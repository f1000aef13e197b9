/* SPDX-License-Identifier: Apache-2.0 */

/* Preloaded: allocations that fail, and a book of those that are not freed. */
#include "fault_rule.h"

#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

/* Code whose allocations are treated in a way of their own. */
enum treatment {
	SPARED = 1, /* never fail, nor are counted: it does not look at the result */
	UNBOOKED = 2, /* are not looked for at the end */
};

static const struct {
	const char *library;
	int treatment;
} exceptions[] = {
	{ "libpaho-", SPARED | UNBOOKED }, { "libssl", SPARED | UNBOOKED },
	{ "libcrypto", SPARED | UNBOOKED },
	{ "/ld-linux", UNBOOKED }, /* belong to threads, whose stacks libc keeps */
};

/* Where it lies. */
static struct range {
	uintptr_t begin, end;
	int treatment;
} ranges[16];
static int range_count;

static void note_code(const struct dl_phdr_info *library, int treatment) {
	for (int i = 0; i < library->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
		uintptr_t begin = library->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X && range_count < 16)
			ranges[range_count++] =
				(struct range){ begin, begin + segment->p_memsz, treatment };
	}
}

static int look_at(struct dl_phdr_info *library, size_t size, void *context) {
	(void)size;
	(void)context;
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
		if (strstr(library->dlpi_name, exceptions[i].library))
			note_code(library, exceptions[i].treatment);
	}
	return 0;
}

__attribute__((constructor)) static void find_exceptions(void) {
	dl_iterate_phdr(look_at, NULL);
}

static bool is(enum treatment treatment, const void *caller) {
	uintptr_t at = (uintptr_t)caller;

	for (int i = 0; i < range_count; i++) {
		if (at >= ranges[i].begin && at < ranges[i].end)
			return ranges[i].treatment & (int)treatment;
	}
	return false;
}

static bool fails(const void *caller) {
	if (is(SPARED, caller))
		return false;
	struct fault_rule *rule = fault_count(FAULT_ALLOCATE);

	if (!rule)
		return false;
	errno = ENOMEM;
	return true;
}

/* --- The book: who allocated each block that lives. Open addressing, linear. */

#define SLOTS (UINT64_C(1) << 20)

/* Of the blocks that are left this many are told. */
#define TELL_MAX 20

static struct block {
	void *memory; /* NULL: free; GONE: was in use */
	const void *caller;
} * book;
static atomic_flag writing = ATOMIC_FLAG_INIT;

#define GONE ((void *)1)

static bool lives(const struct block *block) {
	return block->memory && block->memory != GONE;
}

static void lock(void) {
	while (atomic_flag_test_and_set_explicit(&writing, memory_order_acquire))
		sched_yield();
}

static void unlock(void) {
	atomic_flag_clear_explicit(&writing, memory_order_release);
}

/* Locked. */
static void open_book(void) {
	void *pages = mmap(NULL, SLOTS * sizeof(*book), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (pages != MAP_FAILED)
		book = pages;
}

static uint64_t slot_of(const void *memory) {
	return ((uintptr_t)memory >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 44;
}

static void *note(void *memory, const void *caller) {
	if (!memory || is(UNBOOKED, caller))
		return memory;
	lock();
	if (!book)
		open_book();
	uint64_t at = slot_of(memory);
	for (uint64_t i = 0; book && i < SLOTS; i++, at = (at + 1) % SLOTS) {
		if (lives(&book[at]))
			continue;
		book[at] = (struct block){ memory, caller };
		break;
	}
	unlock();
	return memory;
}

static void strike_out(const void *memory) {
	if (!memory)
		return;
	lock();
	uint64_t at = slot_of(memory);
	for (uint64_t i = 0; book && i < SLOTS && book[at].memory; i++, at = (at + 1) % SLOTS) {
		if (book[at].memory != memory)
			continue;
		book[at].memory = GONE;
		break;
	}
	unlock();
}

static void tell(const struct block *block) {
	Dl_info place = { 0 };
	char line[256];

	dladdr(block->caller, &place);
	int length = snprintf(line, sizeof(line), "not freed: %zu bytes of %s+%#zx\n",
		malloc_usable_size(block->memory), place.dli_fname ? place.dli_fname : "?",
		(size_t)((uintptr_t)block->caller - (uintptr_t)place.dli_fbase));
	(void)!write(STDERR_FILENO, line, (size_t)length);
}

static void tell_first(int count) {
	for (uint64_t at = 0; at < SLOTS && count > 0; at++) {
		if (!lives(&book[at]))
			continue;
		tell(&book[at]);
		count--;
	}
}

/* Runs last: this library was loaded first. */
__attribute__((destructor)) static void balance(void) {
	if (!fault_control || !book)
		return;

	struct fault_left *left = &fault_control->left;
	left->blocks = left->bytes = 0;
	for (uint64_t at = 0; at < SLOTS; at++) {
		if (!lives(&book[at]))
			continue;
		left->blocks++;
		left->bytes += malloc_usable_size(book[at].memory);
	}
	if (left->blocks > left->usual)
		tell_first(TELL_MAX);
	left->counted = true;
}

/* --- libc's names */

#define CALLER __builtin_return_address(0)

void *malloc(size_t size) {
	return fails(CALLER) ? NULL : note(__libc_malloc(size), CALLER);
}

void *calloc(size_t count, size_t size) {
	return fails(CALLER) ? NULL : note(__libc_calloc(count, size), CALLER);
}

void *realloc(void *old, size_t size) {
	if (size > 0 && fails(CALLER))
		return NULL;
	strike_out(old);
	return note(__libc_realloc(old, size), CALLER);
}

void *aligned_alloc(size_t alignment, size_t size) {
	return fails(CALLER) ? NULL : note(__libc_memalign(alignment, size), CALLER);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size) {
	void *memory = fails(CALLER) ? NULL : note(__libc_memalign(alignment, size), CALLER);

	if (!memory)
		return ENOMEM;
	*ret_memory = memory;
	return 0;
}

void free(void *memory) {
	strike_out(memory);
	__libc_free(memory);
}
