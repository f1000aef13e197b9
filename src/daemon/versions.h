/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_VERSIONS_H
#define DAEMON_VERSIONS_H

#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The learned weights that the database keeps. Their names tell what they were learned from, their
 * number, which is never used twice, and whose they are:
 *
 *	base-2+7         the weights that all detectors share
 *	base-2+8@pump7   those of one detector's own
 */
struct version {
	struct text name;
	struct text parent; /* what was in use before */
	int64_t created_ms;
};

struct versions {
	struct version *items; /* in the order in which they were made */
	size_t count, room;
	uint64_t last; /* the highest number in use */
};

/* Zero-initialised it is empty and ready. */
void versions_finish(struct versions *versions);

/* 0 or -ENOMEM. */
int versions_add(
	struct versions *versions, struct span name, struct span parent, int64_t created_ms);

/* NULL if there is none. */
const struct version *versions_find(const struct versions *versions, struct span name);

/* The name of the next version of what was shipped as `base`; detector: empty for the shared ones. */
void versions_write_next(
	const struct versions *versions, struct span base, struct span detector, struct text *to);

/* Whose weights a name means: the detector's name, empty for the shared ones. */
struct span version_detector(struct span name);

/* Whether weights of this name were learned from those shipped as `base`. */
bool version_is_of(struct span name, struct span base);

/* The oldest of a detector's versions but `kept`, if it has more than `most`; NULL if not. */
const struct version *versions_surplus(
	const struct versions *versions, struct span detector, size_t most, struct span kept);

void versions_remove(struct versions *versions, const struct version *version);

#endif
