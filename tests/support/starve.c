/* SPDX-License-Identifier: Apache-2.0 */
#include "starve.h"

#include "sanitizers.h"

#include <errno.h>
#include <stdlib.h>

static int64_t until_failure = INT64_MAX, blocks;

void starve(int64_t nth) {
	until_failure = nth;
}

bool starve_end(void) {
	bool failed = until_failure <= 0;

	until_failure = INT64_MAX;
	return failed;
}

int64_t starve_blocks(void) {
	return blocks;
}

/* They stand before libc's, for libraries too. */
#if !SANITIZED

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static bool fails(void) {
	if (--until_failure != 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size) {
	void *memory = fails() ? NULL : __libc_malloc(size);

	blocks += memory != NULL;
	return memory;
}

void *calloc(size_t count, size_t size) {
	void *memory = fails() ? NULL : __libc_calloc(count, size);

	blocks += memory != NULL;
	return memory;
}

void *realloc(void *old, size_t size) {
	void *memory = fails() ? NULL : __libc_realloc(old, size);

	blocks += memory && !old;
	return memory;
}

void *aligned_alloc(size_t alignment, size_t size) {
	void *memory = fails() ? NULL : __libc_memalign(alignment, size);

	blocks += memory != NULL;
	return memory;
}

void free(void *memory) {
	blocks -= memory != NULL;
	__libc_free(memory);
}

#endif
