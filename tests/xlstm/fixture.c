/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

/* One row of one series of a case. */
struct state_check {
	struct golden *golden;
	const struct layout *layout;
	size_t series;
	const float *row;
	bool stacked;
};

static const float *field(const struct state_check *check, size_t block, size_t at) {
	return check->row + check->layout->blocks[block].state_at + at;
}

static const struct golden_tensor *recorded(
	const struct state_check *check, size_t block, const char *name) {
	char full[64];
	snprintf(full, sizeof(full), "blk%zu.%s", block, name);
	return golden_maybe(check->golden, "state", check->stacked ? full : name);
}

/* Brought to the recorded stabiliser. */
static void check_scaled(const char *what, const float *actual, const float *actual_m,
	const float *expected, const float *expected_m, size_t count, size_t each) {
	float *scaled = malloc(count * sizeof(float));
	memcpy(scaled, actual, count * sizeof(float));
	rescale(scaled, actual_m, expected_m, count, each);
	assert_near(what, expected, scaled, count, 1e-5);
	free(scaled);
}

static void check_slstm(
	const struct state_check *check, size_t block, const struct golden_tensor *hcnm) {
	const struct state_fields *at = &check->layout->blocks[block].state;
	size_t width = check->layout->shape.width, plane = hcnm->count / 4;
	const float *expected = hcnm->values + check->series * width;
	const float *m = field(check, block, at->stabiliser);

	assert_near("h", expected, field(check, block, at->hidden), width, 1e-5);
	check_scaled("c", field(check, block, at->cell), m, expected + plane, expected + 3 * plane,
		width, 1);
	check_scaled("n", field(check, block, at->normaliser), m, expected + 2 * plane,
		expected + 3 * plane, width, 1);
}

static void check_mlstm(const struct state_check *check, size_t block) {
	const struct block_layout *layout = &check->layout->blocks[block];
	size_t heads = layout->heads, units = layout->units, series = check->series;
	const float *m = field(check, block, layout->state.stabiliser);
	const float *m_expected = recorded(check, block, "m")->values + series * heads;

	check_scaled("C", field(check, block, layout->state.matrix), m,
		recorded(check, block, "C")->values + series * heads * units * units, m_expected,
		heads * units * units, units * units);
	check_scaled("n", field(check, block, layout->state.normaliser), m,
		recorded(check, block, "n")->values + series * heads * units, m_expected,
		heads * units, units);
}

/* The recorded window has the newest `taps` inputs, a row all but its oldest. */
static void check_window(const struct state_check *check, size_t block) {
	const struct block_layout *layout = &check->layout->blocks[block];
	size_t taps = layout->taps, channels = layout->channels;
	if (!taps)
		return;
	const struct golden_tensor *conv = recorded(check, block, "conv");
	assert_near("window", conv->values + (check->series * taps + 1) * channels,
		field(check, block, layout->state.window), (taps - 1) * channels, 1e-5);
}

void golden_assert_states(
	struct golden *golden, const struct xlstm_model *model, size_t series, const void *row) {
	struct state_check check = { golden, model_layout(model), series, row,
		golden_maybe(golden, "param", "post_norm") != NULL };

	for (size_t i = 0; i < check.layout->shape.block_count; i++) {
		const struct golden_tensor *hcnm = recorded(&check, i, "hcnm");
		if (hcnm)
			check_slstm(&check, i, hcnm);
		else
			check_mlstm(&check, i);
		check_window(&check, i);
	}
}

void arrange_for_cuda(float *to, const struct golden_tensor *from, bool kernel) {
	size_t a = from->dims[0], b = from->dims[1], c = from->dims[2];
	size_t d = kernel ? from->dims[3] : 1;
	for (size_t i = 0; i < from->count; i++) {
		size_t at[4] = { i / (b * c * d), i / (c * d) % b, i / d % c, i % d };
		if (kernel)
			to[((at[0] * d + at[3]) * b + at[1]) * c + at[2]] = from->values[i];
		else
			to[(at[1] * a + at[0]) * c + at[2]] = from->values[i];
	}
}
