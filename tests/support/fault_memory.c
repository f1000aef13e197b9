/* SPDX-License-Identifier: Apache-2.0 */

/* Preloaded: allocations that fail. */
#include "fault_rule.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

/* Libraries whose own allocations never fail, nor are counted: these do not look at the result. */
static const char *const spared[] = { "libpaho-", "libssl", "libcrypto" };

/* Where their code lies. */
static struct range { uintptr_t begin, end; } ranges[16];
static int range_count;

static void note_code(const struct dl_phdr_info *library) {
	for (int i = 0; i < library->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
		uintptr_t begin = library->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X && range_count < 16)
			ranges[range_count++] = (struct range){ begin, begin + segment->p_memsz };
	}
}

static int look_at(struct dl_phdr_info *library, size_t size, void *context) {
	(void)size;
	(void)context;
	for (size_t i = 0; i < sizeof(spared) / sizeof(spared[0]); i++) {
		if (strstr(library->dlpi_name, spared[i]))
			note_code(library);
	}
	return 0;
}

__attribute__((constructor)) static void find_spared(void) {
	dl_iterate_phdr(look_at, NULL);
}

static bool is_spared(const void *caller) {
	uintptr_t at = (uintptr_t)caller;

	for (int i = 0; i < range_count; i++) {
		if (at >= ranges[i].begin && at < ranges[i].end)
			return true;
	}
	return false;
}

static bool fails(const void *caller) {
	if (is_spared(caller))
		return false;
	struct fault_rule *rule = fault_count(FAULT_ALLOCATE);

	if (!rule)
		return false;
	errno = ENOMEM;
	return true;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t size) {
	return fails(CALLER) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
	return fails(CALLER) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
	return size > 0 && fails(CALLER) ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
	return fails(CALLER) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size) {
	void *memory = fails(CALLER) ? NULL : __libc_memalign(alignment, size);

	if (!memory)
		return ENOMEM;
	*ret_memory = memory;
	return 0;
}
