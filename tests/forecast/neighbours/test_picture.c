/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MEMBERS 8
#define ROOM    12

/* Element of the Hadamard matrix: +1 or -1 by the parity of the common bits; rows are orthogonal. */
static double hadamard(uint32_t row, uint32_t column) {
	return __builtin_parity(row & column) ? -1 : 1;
}

/* Moments whose principal components are rows 1 to 3 of the Hadamard matrix, then the others. Every
 * member has its own scale, which correlations do not see. */
static void make_moments(float *moments) {
	static const double strength[MEMBERS] = { 0.2, 8, 5, 3, 0.2, 0.2, 0.2, 0.2 };
	memset(moments, 0, ROOM * ROOM * sizeof(*moments));
	for (uint32_t i = 0; i < MEMBERS; i++)
		for (uint32_t j = 0; j < MEMBERS; j++)
			for (uint32_t k = 0; k < MEMBERS; k++)
				moments[i * ROOM + j] +=
					(float)(strength[k] * hadamard(k, i) * hadamard(k, j) *
						(1 + i) * (1 + j));
}

static void follow(float *loadings) {
	float moments[ROOM * ROOM], work[PICTURE_RANK * MEMBERS];
	make_moments(moments);
	for (int i = 0; i < 60; i++)
		picture_follow(loadings, moments, ROOM, MEMBERS, work);
}

/* What the picture makes of a group where members below `first` are silent. */
static double rebuilt(const float *loadings, const double *values, uint32_t first, uint32_t i) {
	struct picture_sums sums = { 0 };
	double scores[PICTURE_RANK];
	for (uint32_t j = first; j < MEMBERS; j++)
		picture_see(&sums, loadings + j * PICTURE_RANK, 1, values[j]);
	picture_scores(&sums, scores);
	return picture_rebuild(loadings + i * PICTURE_RANK, scores);
}

static void what_the_components_span_is_rebuilt(void **state) {
	(void)state;
	float loadings[ROOM * PICTURE_RANK] = { 0 };
	double values[MEMBERS];
	follow(loadings);
	for (uint32_t i = 0; i < MEMBERS; i++)
		values[i] = 2 * hadamard(1, i) - 0.5 * hadamard(2, i) + hadamard(3, i);
	for (uint32_t i = 0; i < MEMBERS; i++)
		assert_float_equal(rebuilt(loadings, values, 0, i), values[i], 0.01);
}

static void what_they_do_not_span_is_left_out(void **state) {
	(void)state;
	float loadings[ROOM * PICTURE_RANK] = { 0 };
	double values[MEMBERS];
	follow(loadings);
	for (uint32_t i = 0; i < MEMBERS; i++)
		values[i] = hadamard(5, i);
	for (uint32_t i = 0; i < MEMBERS; i++)
		assert_float_equal(rebuilt(loadings, values, 0, i), 0, 0.01);
}

static void silent_members_are_rebuilt_from_the_others(void **state) {
	(void)state;
	float loadings[ROOM * PICTURE_RANK] = { 0 };
	double values[MEMBERS];
	follow(loadings);
	for (uint32_t i = 0; i < MEMBERS; i++)
		values[i] = hadamard(1, i) + 0.5 * hadamard(3, i);
	for (uint32_t i = 0; i < MEMBERS; i++)
		assert_float_equal(rebuilt(loadings, values, 3, i), values[i], 0.02);
}

/* As when a neighbourhood begins: one slot has been seen, then all. */
static void a_poor_start_is_recovered_from(void **state) {
	(void)state;
	float loadings[ROOM * PICTURE_RANK] = { 0 }, moments[ROOM * ROOM] = { 0 };
	float work[PICTURE_RANK * MEMBERS];
	double values[MEMBERS];
	picture_follow(loadings, moments, ROOM, MEMBERS, work);
	for (uint32_t i = 0; i < MEMBERS; i++)
		for (uint32_t j = 0; j < MEMBERS; j++)
			moments[i * ROOM + j] = (float)(hadamard(6, i) * hadamard(6, j));
	picture_follow(loadings, moments, ROOM, MEMBERS, work);
	picture_follow(loadings, moments, ROOM, MEMBERS, work);
	follow(loadings);
	for (uint32_t i = 0; i < MEMBERS; i++)
		values[i] = hadamard(1, i) - hadamard(2, i) + hadamard(3, i);
	for (uint32_t i = 0; i < MEMBERS; i++)
		assert_float_equal(rebuilt(loadings, values, 0, i), values[i], 0.01);
}

static void without_moments_there_is_no_picture(void **state) {
	(void)state;
	float loadings[ROOM * PICTURE_RANK] = { 0 }, moments[ROOM * ROOM] = { 0 };
	float work[PICTURE_RANK * MEMBERS];
	double values[MEMBERS] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	picture_follow(loadings, moments, ROOM, MEMBERS, work);
	for (uint32_t i = 0; i < MEMBERS; i++)
		assert_float_equal(rebuilt(loadings, values, 0, i), 0, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_components_span_is_rebuilt),
		cmocka_unit_test(what_they_do_not_span_is_left_out),
		cmocka_unit_test(silent_members_are_rebuilt_from_the_others),
		cmocka_unit_test(a_poor_start_is_recovered_from),
		cmocka_unit_test(without_moments_there_is_no_picture),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
