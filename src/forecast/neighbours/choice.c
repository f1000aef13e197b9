/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

/* Puts a candidate among the best so far, the closest first. */
static void offer(struct board_seat *seat, uint32_t candidate, float correlation) {
	int k = NEAREST;
	while (k > 0 && correlation > seat->closeness[k - 1])
		k--;
	for (int i = NEAREST - 1; i > k; i--) {
		seat->nearest[i] = seat->nearest[i - 1];
		seat->closeness[i] = seat->closeness[i - 1];
	}
	if (k < NEAREST) {
		seat->nearest[k] = candidate;
		seat->closeness[k] = correlation;
	}
}

static void forget(struct board_seat *seat) {
	for (int k = 0; k < NEAREST; k++) {
		seat->nearest[k] = 0;
		seat->closeness[k] = 0;
	}
}

static bool is_candidate(const struct candidates *candidates, uint32_t seat, uint32_t other) {
	return !candidates || candidates[seat].bits[other / 64] >> other % 64 & 1;
}

void choose_nearest(struct board_seat *seats, const struct candidates *candidates,
	const float *changes, uint32_t room, uint32_t count, int64_t slot) {
	double deviation;
	for (uint32_t i = 0; i < count; i++)
		forget(&seats[i]);
	for (uint32_t j = 0; j < count; j++) {
		if (board_seen(&seats[j], slot, &deviation) == 0)
			continue;
		for (uint32_t i = 0; i < count; i++)
			if (i != j && is_candidate(candidates, i, j))
				offer(&seats[i], j, moments_correlation(changes, room, i, j));
	}
}
