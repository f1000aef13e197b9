/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_FAULT_RULE_H
#define SUPPORT_FAULT_RULE_H

#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What both preloaded libraries do with the page; each has its own mapping of it. */

static struct fault_control *fault_control;

/* Only system calls of its own: it runs before anything else, and below every allocation. */
__attribute__((constructor)) static void fault_attach(void) {
	const char *path = getenv(FAULT_CONTROL);
	int descriptor = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (descriptor < 0)
		return;

	void *page = mmap(NULL, sizeof(struct fault_control), PROT_READ | PROT_WRITE, MAP_SHARED,
		descriptor, 0);
	close(descriptor);
	if (page != MAP_FAILED)
		fault_control = page;
}

/* Counts one call; the rule if it is to be made to fail, else NULL. */
static struct fault_rule *fault_count(enum fault_call call) {
	if (!fault_control)
		return NULL;

	struct fault_rule *rule = &fault_control->rules[call];
	uint64_t number = atomic_fetch_add(&rule->calls, 1) + 1;
	uint64_t first = rule->first;
	if (first == 0 || number < first || number > rule->last)
		return NULL;
	rule->hits++;
	return rule;
}

#endif
