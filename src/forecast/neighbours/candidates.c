/* SPDX-License-Identifier: Apache-2.0 */
#include "group_private.h"

#include <stdlib.h>

/* Whether anybody of the neighbourhood is limited. */
static bool has_limits(const struct links *links, const struct neighbourhood *hood) {
	for (uint32_t i = 0; i < hood->head->count; i++)
		if (links_limits(links, hood->seats[i].series))
			return true;
	return false;
}

static struct candidates candidates_of(
	const struct links *links, const struct neighbourhood *hood, uint32_t series) {
	struct candidates candidates = { { 0 } };
	for (uint32_t j = 0; j < hood->head->count; j++)
		if (links_allow(links, series, hood->seats[j].series))
			candidates.bits[j / 64] |= UINT64_C(1) << j % 64;
	return candidates;
}

/* Without memory anybody is a candidate. */
static void note(const struct links *links, struct hood *hood) {
	struct neighbourhood *open = &hood->open;
	bool limited = has_limits(links, open);
	if (limited && !hood->candidates)
		hood->candidates = calloc(NEIGHBOURHOOD_MAX, sizeof(*hood->candidates));
	for (uint32_t i = 0; i < open->head->count && limited && hood->candidates; i++)
		hood->candidates[i] = candidates_of(links, open, open->seats[i].series);
	open->candidates = limited ? hood->candidates : NULL;
	hood->unlinked = false;
}

void groups_note_links(struct groups *groups) {
	for (struct hood *hood = groups->first; hood; hood = hood->next)
		if (hood->unlinked || groups->relinked)
			note(&groups->links, hood);
	groups->relinked = false;
}
