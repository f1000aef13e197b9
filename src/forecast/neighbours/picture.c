/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"

#include <math.h>
#include <string.h>

/* Keeps scores finite where few members are seen: of loadings whose squares sum to one over all. */
#define RIDGE 1e-3

/* Of a column that has vanished. */
#define LEAST_LENGTH 1e-12

/* A column of its own for each component, where there is none: at first, and where too little had been
 * seen to tell it from those before it. */
static void begin(float *loadings, uint32_t count, uint32_t k) {
	float sum = 0;
	for (uint32_t i = 0; i < count; i++)
		sum += fabsf(loadings[i * PICTURE_RANK + k]);
	for (uint32_t i = 0; i < count && sum == 0; i++)
		loadings[i * PICTURE_RANK + k] = i % (k + 2) == k ? 1 : -0.5F;
}

/* work = R loadings, column by column. */
static void multiply(
	float *work, const float *loadings, const float *moments, uint32_t room, uint32_t count) {
	memset(work, 0, count * PICTURE_RANK * sizeof(*work));
	for (uint32_t i = 0; i < count; i++) {
		const float *row = moments + (size_t)i * room;
		if (row[i] <= 0)
			continue;
		for (uint32_t j = 0; j < count; j++) {
			float spread = row[i] * moments[(size_t)j * room + j];
			float r = spread > 0 ? row[j] / sqrtf(spread) : 0;
			for (uint32_t k = 0; k < PICTURE_RANK; k++)
				work[k * count + i] += r * loadings[j * PICTURE_RANK + k];
		}
	}
}

static double dot(const float *a, const float *b, uint32_t n) {
	double sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += (double)a[i] * (double)b[i];
	return sum;
}

/* Gram-Schmidt; a column that depends on those before it becomes zero. */
static void orthogonalise(float *work, uint32_t count) {
	for (uint32_t k = 0; k < PICTURE_RANK; k++) {
		float *column = work + k * count;
		double whole = dot(column, column, count);
		for (uint32_t j = 0; j < k; j++) {
			float share = (float)dot(column, work + j * count, count);
			for (uint32_t i = 0; i < count; i++)
				column[i] -= share * work[j * count + i];
		}
		double length = dot(column, column, count);
		bool gone = length < LEAST_LENGTH || length < 1e-6 * whole;
		float factor = gone ? 0 : (float)(1 / sqrt(length));
		for (uint32_t i = 0; i < count; i++)
			column[i] *= factor;
	}
}

void picture_follow(
	float *loadings, const float *moments, uint32_t room, uint32_t count, float *work) {
	for (uint32_t k = 0; k < PICTURE_RANK; k++)
		begin(loadings, count, k);
	multiply(work, loadings, moments, room, count);
	orthogonalise(work, count);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < PICTURE_RANK; k++)
			loadings[i * PICTURE_RANK + k] = work[k * count + i];
}

void picture_see(struct picture_sums *sums, const float *loading, double weight, double deviation) {
	for (int a = 0; a < PICTURE_RANK; a++) {
		double share = weight * (double)loading[a];
		sums->values[a] += share * deviation;
		for (int b = 0; b < PICTURE_RANK; b++)
			sums->products[a][b] += share * (double)loading[b];
	}
}

/* Gaussian elimination; the ridge keeps the pivots positive. */
void picture_scores(const struct picture_sums *sums, double scores[PICTURE_RANK]) {
	struct picture_sums s = *sums;
	for (int a = 0; a < PICTURE_RANK; a++)
		s.products[a][a] += RIDGE;
	for (int a = 0; a < PICTURE_RANK; a++) {
		for (int b = a + 1; b < PICTURE_RANK; b++) {
			double factor = s.products[b][a] / s.products[a][a];
			for (int c = a; c < PICTURE_RANK; c++)
				s.products[b][c] -= factor * s.products[a][c];
			s.values[b] -= factor * s.values[a];
		}
	}
	for (int a = PICTURE_RANK - 1; a >= 0; a--) {
		double sum = s.values[a];
		for (int b = a + 1; b < PICTURE_RANK; b++)
			sum -= s.products[a][b] * scores[b];
		scores[a] = sum / s.products[a][a];
	}
}

double picture_rebuild(const float *loading, const double scores[PICTURE_RANK]) {
	double sum = 0;
	for (int a = 0; a < PICTURE_RANK; a++)
		sum += (double)loading[a] * scores[a];
	return sum;
}
