/* SPDX-License-Identifier: Apache-2.0 */
#include "pending.h"

#include <math.h>
#include <string.h>

/* Begins a waiting forecast in brief; the numbers follow. */
struct brief {
	double anchor;
	float scale, mean, spread;
	uint16_t assumed;
	uint16_t quantiles[QUANTILES]; /* minus the mean */
	uint16_t experts[]; /* those of the mask, ascending */
};

size_t brief_size(uint32_t experts) {
	size_t count = (size_t)__builtin_popcount(experts);
	size_t bytes = offsetof(struct brief, experts) + count * sizeof(uint16_t);
	return (bytes + sizeof(double) - 1) / sizeof(double) * sizeof(double);
}

void brief_write_floats(const float *numbers, size_t count, uint16_t *to) {
	for (size_t i = 0; i < count; i++) {
		uint32_t bits;
		memcpy(&bits, &numbers[i], sizeof(bits));
		bool number = numbers[i] == numbers[i]; /* rounding could make infinity of NAN */
		to[i] = (uint16_t)((bits + (number ? 0x8000 : 0)) >> 16);
	}
}

void brief_read_floats(const uint16_t *from, size_t count, float *ret_numbers) {
	for (size_t i = 0; i < count; i++) {
		uint32_t bits = (uint32_t)from[i] << 16;
		memcpy(&ret_numbers[i], &bits, sizeof(bits));
	}
}

void brief_write(const struct pending *pending, uint32_t experts, void *to) {
	struct brief *brief = to;
	float distances[QUANTILES];
	brief->anchor = pending->origin.anchor;
	brief->scale = (float)pending->origin.scale;
	brief->mean = pending->mean;
	brief->spread = (float)pending->spread;
	brief->assumed = pending->assumed;
	for (int q = 0; q < QUANTILES; q++)
		distances[q] = pending->quantiles[q] - pending->mean;
	brief_write_floats(distances, QUANTILES, brief->quantiles);
	for (int e = 0, slot = 0; e < EXPERTS; e++)
		if (experts >> e & 1)
			brief_write_floats(&pending->experts[e], 1, &brief->experts[slot++]);
}

void brief_read(const void *from, uint32_t experts, struct pending *ret_pending) {
	const struct brief *brief = from;
	*ret_pending = (struct pending){
		.mean = brief->mean,
		.median = NAN,
		.near_median = NAN,
		.centre = brief->mean,
		.spread = (double)brief->spread,
		.assumed = brief->assumed != 0,
		.origin = { brief->anchor, (double)brief->scale },
	};
	brief_read_floats(brief->quantiles, QUANTILES, ret_pending->quantiles);
	for (int q = 0; q < QUANTILES; q++)
		ret_pending->quantiles[q] += brief->mean;
	for (int e = 0, slot = 0; e < EXPERTS; e++) {
		ret_pending->experts[e] = NAN;
		if (experts >> e & 1)
			brief_read_floats(&brief->experts[slot++], 1, &ret_pending->experts[e]);
	}
}
