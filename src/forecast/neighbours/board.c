/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"

#include <math.h>
#include <stddef.h>

static double *value_at(struct board_seat *seat, int64_t slot) {
	return &seat->values[(uint64_t)slot % BOARD_DEPTH];
}

static bool is_kept(const struct board_seat *seat, int64_t slot) {
	return seat->slot != SLOT_NONE && slot <= seat->slot && slot > seat->slot - BOARD_DEPTH;
}

void board_seat_take(struct board_seat *seat, uint32_t series) {
	*seat = (struct board_seat){
		.series = series,
		.slot = SLOT_NONE,
		.scale = 1,
		.told = { { .slot = SLOT_NONE }, { .slot = SLOT_NONE } },
		.x = NAN,
		.y = NAN,
		.z = NAN,
	};
}

/* Slots since the newest value that brought none. */
static void leave_out(struct board_seat *seat, int64_t slot) {
	int64_t from = slot - BOARD_DEPTH + 1;
	if (seat->slot != SLOT_NONE && seat->slot + 1 > from)
		from = seat->slot + 1;
	for (int64_t s = from; s < slot; s++)
		*value_at(seat, s) = NAN;
}

void board_post(struct board_seat *seat, int64_t slot, double value, double mean, double scale) {
	bool first = seat->slot == SLOT_NONE;
	if (!first && slot < seat->slot)
		return;
	if (first || slot > seat->slot) {
		bool same = !first && *value_at(seat, seat->slot) == value;
		seat->still = same ? seat->still + 1 : 0;
		leave_out(seat, slot);
	}
	*value_at(seat, slot) = value;
	seat->slot = slot;
	seat->mean = mean;
	seat->scale = scale;
}

void board_tell(struct board_seat *seat, int64_t slot, const float numbers[BOARD_TOLD]) {
	struct board_told *told = &seat->told[(uint64_t)slot % 2];
	told->slot = slot;
	for (int k = 0; k < BOARD_TOLD; k++)
		told->numbers[k] = numbers[k];
}

const float *board_told(const struct board_seat *seat, int64_t slot) {
	const struct board_told *told = &seat->told[(uint64_t)slot % 2];
	return told->slot == slot && !board_is_stuck(seat) ? told->numbers : NULL;
}

bool board_exact(const struct board_seat *seat, int64_t slot, double *ret_deviation) {
	if (board_is_stuck(seat) || !is_kept(seat, slot))
		return false;
	double value = seat->values[(uint64_t)slot % BOARD_DEPTH];
	double deviation = (value - seat->mean) / seat->scale;
	*ret_deviation = fmax(fmin(deviation, BOARD_LIMIT), -BOARD_LIMIT);
	return !isnan(value);
}

double board_seen(const struct board_seat *seat, int64_t slot, double *ret_deviation) {
	double weight = 1;
	for (int64_t age = 0; age <= BOARD_AGE_MAX; age++, weight /= 2)
		if (board_exact(seat, slot - age, ret_deviation))
			return weight;
	return 0;
}
