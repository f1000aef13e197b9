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

void choose_nearest(struct board_seat *seats, const float *changes, uint32_t room, uint32_t count) {
	for (uint32_t i = 0; i < count; i++) {
		for (int k = 0; k < NEAREST; k++) {
			seats[i].nearest[k] = 0;
			seats[i].closeness[k] = 0;
		}
		for (uint32_t j = 0; j < count; j++)
			if (j != i)
				offer(&seats[i], j, moments_correlation(changes, room, i, j));
	}
}
