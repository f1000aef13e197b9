/* SPDX-License-Identifier: Apache-2.0 */

/* Preloaded: allocations that fail. */
#include "fault_rule.h"

#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static bool fails(void) {
	struct fault_rule *rule = fault_count(FAULT_ALLOCATE);

	if (!rule)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size) {
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
	return size > 0 && fails() ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
	return fails() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size) {
	void *memory = fails() ? NULL : __libc_memalign(alignment, size);

	if (!memory)
		return ENOMEM;
	*ret_memory = memory;
	return 0;
}
