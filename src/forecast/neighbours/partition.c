/* SPDX-License-Identifier: Apache-2.0 */
#include "partition.h"

#include <math.h>
#include <stdlib.h>

#define AXES 3

static double on_axis(const struct board_seat *seat, int axis) {
	return axis == 0 ? seat->x : axis == 1 ? seat->y : seat->z;
}

/* The axis along which the known positions lie widest apart; -1: fewer than half are known. */
static int widest_axis(const struct neighbourhood *hood) {
	double least[AXES] = { INFINITY, INFINITY, INFINITY };
	double most[AXES] = { -INFINITY, -INFINITY, -INFINITY };
	uint32_t known = 0;
	for (uint32_t i = 0; i < hood->head->count; i++) {
		known += !isnan(hood->seats[i].x);
		for (int axis = 0; axis < AXES; axis++) {
			least[axis] = fmin(least[axis], on_axis(&hood->seats[i], axis));
			most[axis] = fmax(most[axis], on_axis(&hood->seats[i], axis));
		}
	}
	int widest = 0;
	for (int axis = 1; axis < AXES; axis++)
		if (most[axis] - least[axis] > most[widest] - least[widest])
			widest = axis;
	return 2 * known >= hood->head->count ? widest : -1;
}

struct cut {
	double value;
	uint32_t seat;
};

/* Equal ones by seat, so that the cut is always the same. Unknown ones come last. */
static int compare(const void *a, const void *b) {
	const struct cut *x = a, *y = b;
	bool x_known = !isnan(x->value), y_known = !isnan(y->value);
	if (x_known != y_known)
		return x_known ? -1 : 1;
	if (x_known && x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->seat > y->seat) - (x->seat < y->seat);
}

void partition_choose(const struct neighbourhood *hood, bool *leaves) {
	uint32_t count = hood->head->count;
	struct cut cuts[NEIGHBOURHOOD_MAX];
	int axis = widest_axis(hood);
	for (uint32_t i = 0; i < count; i++) {
		cuts[i].seat = i;
		cuts[i].value = axis < 0 ? (double)hood->loadings[i * PICTURE_RANK]
					 : on_axis(&hood->seats[i], axis);
	}
	qsort(cuts, count, sizeof(cuts[0]), compare);
	for (uint32_t i = 0; i < count; i++)
		leaves[cuts[i].seat] = i >= count / 2;
}
