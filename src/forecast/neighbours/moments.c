/* SPDX-License-Identifier: Apache-2.0 */
#include "moments.h"

#include <math.h>

void moments_add(float *matrix, uint32_t room, uint32_t count, const float *values) {
	for (uint32_t i = 0; i < count; i++) {
		float *row = matrix + (size_t)i * room;
		for (uint32_t j = 0; j < count; j++)
			row[j] = MOMENTS_FORGETTING * row[j] + values[i] * values[j];
	}
}

float moments_correlation(const float *matrix, uint32_t room, uint32_t i, uint32_t j) {
	float product = matrix[(size_t)i * room + i] * matrix[(size_t)j * room + j];
	return product > 0 ? matrix[(size_t)i * room + j] / sqrtf(product) : 0;
}

void moments_forget(float *matrix, uint32_t room, uint32_t i) {
	for (uint32_t j = 0; j < room; j++)
		matrix[(size_t)i * room + j] = matrix[(size_t)j * room + i] = 0;
}
