/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_PICTURE_H
#define FORECAST_PICTURE_H

#include "moments.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A low-rank picture of a neighbourhood: the leading principal components of the correlations
 * between its members, followed by one orthogonal iteration a slot (Rutishauser 1969), and what the
 * components say of a member when some of the others are silent.
 */
#define PICTURE_RANK 3

/* loadings [room][PICTURE_RANK], of `count` members; zeros: not begun. work [PICTURE_RANK][count]. */
void picture_follow(
	float *loadings, const float *moments, uint32_t room, uint32_t count, float *work);

/* Sums over the members that are seen, from which the components' scores follow by least squares. */
struct picture_sums {
	double products[PICTURE_RANK][PICTURE_RANK]; /* loading times loading */
	double values[PICTURE_RANK]; /* loading times deviation */
};

void picture_see(struct picture_sums *sums, const float *loading, double weight, double deviation);

void picture_scores(const struct picture_sums *sums, double scores[PICTURE_RANK]);

/* The member's deviation as the picture has it. */
double picture_rebuild(const float *loading, const double scores[PICTURE_RANK]);

#endif
