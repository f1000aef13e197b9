/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_LINKS_H
#define FORECAST_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which series are candidates for each other's nearest, where somebody has said so. A series that is in no
 * link, and was not told to have none but those, may see anybody. Zero-initialised there are none.
 */
struct link_list {
	uint32_t *others; /* series */
	uint32_t count, room;
	bool limited; /* to these */
};

struct links {
	struct link_list *lists; /* by series */
	size_t room;
};

void links_finish(struct links *links);

/* The series sees those alone that it is linked with. 0 or -ENOMEM. */
int links_limit(struct links *links, uint32_t series);

/* Links two series, once however often it is said. 0 or -ENOMEM. */
int links_add(struct links *links, uint32_t a, uint32_t b);

/* Whether a may see b. */
bool links_allow(const struct links *links, uint32_t a, uint32_t b);

/* Whether it makes a difference for this series. */
bool links_limits(const struct links *links, uint32_t series);

#endif
