/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct fault_control *fault_open(const char *path) {
	int descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	void *page = MAP_FAILED;

	if (descriptor >= 0 && ftruncate(descriptor, sizeof(struct fault_control)) == 0)
		page = mmap(NULL, sizeof(struct fault_control), PROT_READ | PROT_WRITE, MAP_SHARED,
			descriptor, 0);
	if (page == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	close(descriptor);
	return page;
}

void fault_close(struct fault_control *control) {
	munmap(control, sizeof(*control));
}

/* The window opens last, so that no call meets half a rule. */
void fault_arm(struct fault_control *control, enum fault_call call, uint64_t nth, uint64_t count,
	enum fault_action action, int value) {
	struct fault_rule *rule = &control->rules[call];
	uint64_t first = rule->calls + nth;

	rule->first = 0;
	rule->action = action;
	rule->value = value;
	rule->hits = 0;
	rule->last = count == FAULT_FOR_EVER ? FAULT_FOR_EVER : first + count - 1;
	rule->first = first;
}

void fault_heal(struct fault_control *control) {
	for (int call = 0; call < FAULT_CALLS; call++)
		control->rules[call].first = 0;
}
