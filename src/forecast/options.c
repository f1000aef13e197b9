/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "error.h"
#include "record.h"

#include <string.h>

static const char *const names[EXPERTS] = {
	[EXPERT_PERSISTENCE] = "persistence",
	[EXPERT_SMOOTH] = "smooth",
	[EXPERT_SEASONAL] = "seasonal",
	[EXPERT_SEASONAL_SLOW] = "seasonal_slow",
	[EXPERT_SEASONAL_LONG] = "seasonal_long",
	[EXPERT_RLS] = "rls",
	[EXPERT_RLS_STIFF] = "rls_stiff",
	[EXPERT_RLS_LONG] = "rls_long",
	[EXPERT_RLS_CROSS] = "rls_cross",
	[EXPERT_RLS_SEASON] = "rls_season",
	[EXPERT_CLOSED] = "closed",
	[EXPERT_NETWORK] = "network",
	[EXPERT_HEAD] = "head",
	[EXPERT_ALONE] = "alone",
	[EXPERT_NEIGHBOURS] = "neighbours",
	[EXPERT_NEIGHBOURS_OWN] = "neighbours_own",
	[EXPERT_NEIGHBOURS_PERCEPTRON] = "neighbours_perceptron",
};

const char *expert_name(enum expert expert) {
	return names[expert];
}

static int expert_find(struct span name, uint32_t *ret_mask) {
	if (span_equal(name, SPAN("all"))) {
		*ret_mask = EXPERTS_ALL;
		return 0;
	}
	for (int i = 0; i < EXPERTS; i++) {
		if (span_equal(name, span_text(names[i]))) {
			*ret_mask = 1u << i;
			return 0;
		}
	}
	return E_CONFIG;
}

int expert_mask_read(struct span list, uint32_t *ret_mask) {
	uint32_t mask = 0;
	while (list.data) {
		uint32_t one;
		int r = expert_find(span_trim(span_cut(&list, ',')), &one);
		if (r < 0)
			return r;
		mask |= one;
	}
	if (!mask)
		return E_CONFIG;
	*ret_mask = mask;
	return 0;
}

void forecast_options_init(struct forecast_options *options) {
	memset(options, 0, sizeof(*options)); /* options are compared as bytes */
	options->horizon = 24;
	options->experts = EXPERTS_ALL;
	options->season_max = 2016;
	options->cross_channels = 8;
	options->shifts = true;
	guards_init(&options->guards);
}

int forecast_options_check(const struct forecast_options *options) {
	if (options->horizon < 1 || options->horizon > HORIZON_MAX)
		return E_CONFIG;
	if (!(options->experts & ((1u << EXPERTS_FIRST) - 1)) || options->experts & ~EXPERTS_ALL)
		return E_CONFIG;
	if (options->season_max < 2 || options->season_max > SEASON_LIMIT)
		return E_CONFIG;
	for (int i = 0; i < SEASONS_MAX; i++)
		if (options->seasons[i] == 1 || options->seasons[i] > SEASON_LIMIT)
			return E_CONFIG;
	if (options->cross_channels > CROSS_LIMIT || options->rows > ROWS_LEAN ||
		!guards_check(&options->guards))
		return E_CONFIG;
	return 0;
}
