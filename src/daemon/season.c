/* SPDX-License-Identifier: Apache-2.0 */
#include "season.h"

#include "error.h"
#include "num.h"
#include "timestamp.h"

#include <string.h>

static int read_steps(struct span text, int64_t step_ms, uint32_t *ret_steps) {
	int64_t steps, duration_ms;

	if (num_read_int(text, &steps) < 0) {
		if (step_ms == 0 || duration_read(text, &duration_ms) < 0 ||
			duration_ms % step_ms != 0)
			return E_CONFIG;
		steps = duration_ms / step_ms;
	}
	if (steps < 2 || steps > SEASON_LIMIT)
		return E_CONFIG;
	*ret_steps = (uint32_t)steps;
	return 0;
}

int season_read(
	const struct config_list *list, int64_t step_ms, uint32_t ret_seasons[SEASONS_MAX]) {
	uint32_t seasons[SEASONS_MAX] = { 0 };

	if (list->count > SEASONS_MAX)
		return E_CONFIG;
	if (list->count == 1 && strcmp(list->items[0], "auto") == 0) {
		memcpy(ret_seasons, seasons, sizeof(seasons));
		return 0;
	}
	for (size_t i = 0; i < list->count; i++) {
		int r = read_steps(span_text(list->items[i]), step_ms, &seasons[i]);
		if (r < 0)
			return r;
		if (i > 0 && seasons[i] <= seasons[i - 1])
			return E_CONFIG;
	}
	memcpy(ret_seasons, seasons, sizeof(seasons));
	return 0;
}
