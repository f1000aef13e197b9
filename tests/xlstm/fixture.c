/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

static struct xlstm_block_shape block_from(
	const struct golden *golden, char kind, uint32_t width, uint32_t taps) {
	uint32_t heads = (uint32_t)golden_hyper(golden, "NH");
	struct xlstm_block_shape block =
		xlstm_block_published(kind == 'm' ? XLSTM_MLSTM : XLSTM_SLSTM, width, heads);
	block.taps = taps;
	return block;
}

static void set_tensor(
	void *context, struct golden *golden, const char *name, const char *published) {
	struct xlstm_weights *weights = context;
	const struct golden_tensor *tensor = golden_tensor(golden, "param", name);
	char full[128];
	bool stacked = !strncmp(published, "blocks.", 7) || !strncmp(published, "post_", 5);
	snprintf(full, sizeof(full), "%s%s", stacked ? "" : "blocks.0.", published);
	assert_int_equal(xlstm_tensor_set(weights, full, tensor->values, tensor->count), 0);
}

struct xlstm_weights *golden_weights(struct golden *golden) {
	bool stack = golden_maybe(golden, "param", "post_norm");
	const char *kinds = golden_maybe(golden, "param", "up") ? "m" : "s";
	struct xlstm_shape shape = { .width = (uint32_t)golden_hyper(golden, "d"),
		.plain_end = !stack };
	if (stack)
		kinds = golden_hyper_text(golden, "blocks");
	char order[8];
	snprintf(order, sizeof(order), "%s", kinds);
	uint32_t taps = (uint32_t)golden_hyper(golden, "K");
	for (; order[shape.block_count]; shape.block_count++)
		shape.blocks[shape.block_count] =
			block_from(golden, order[shape.block_count], shape.width, taps);

	struct xlstm_weights *weights;
	assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
	golden_origins(golden, set_tensor, weights);
	return weights;
}

float noise_next(struct noise *noise) {
	double sum = -6;
	for (size_t i = 0; i < 12; i++) {
		noise->state = noise->state * 6364136223846793005u + 1442695040888963407u;
		sum += (double)(noise->state >> 33) * 0x1p-31;
	}
	return (float)sum;
}

void noise_fill(struct noise *noise, float *values, size_t count, float scale) {
	for (size_t i = 0; i < count; i++)
		values[i] = scale * noise_next(noise);
}

void rescale(float *values, const float *from, const float *to, size_t count, size_t each) {
	for (size_t i = 0; i < count; i++)
		values[i] = (float)(values[i] * exp((double)from[i / each] - to[i / each]));
}
