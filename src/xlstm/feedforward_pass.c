/* SPDX-License-Identifier: Apache-2.0 */
/* The gated feed-forward part over windows, in both directions. */
#include "pass.h"

#include <string.h>

struct saved {
	float *u; /* [tokens, width] normed input */
	float *up; /* [tokens, 2 F] gate and factor */
	float *a; /* [tokens, F] gelu(gate) * factor */
};

static struct saved cut(float *memory, size_t width, size_t inner, size_t tokens) {
	struct saved saved;
	saved.u = memory;
	saved.up = saved.u + tokens * width;
	saved.a = saved.up + tokens * 2 * inner;
	return saved;
}

size_t feedforward_saved_floats(const struct block_layout *layout, size_t width, size_t tokens) {
	return tokens * (width + 3 * layout->feedforward);
}

size_t feedforward_pass_scratch(const struct block_layout *layout, size_t width, size_t tokens) {
	return tokens * (width + 3 * layout->feedforward);
}

void feedforward_forward(const struct feedforward *feedforward, const struct pass *pass,
	const float *x, float *y, float *memory) {
	size_t width = pass->width, inner = feedforward->inner;
	struct saved saved = cut(memory, width, inner, pass->tokens);

	void (*gate_times)(float *, const float *, const float *, size_t) =
		feedforward->activation == XLSTM_SILU ? pass->kernels->silu_times
						      : pass->kernels->gelu_times;

	pass_norm(pass, saved.u, x, feedforward->norm);
	pass_map(pass, (struct rows){ saved.up, 2 * inner }, ADD_NOTHING, NULL,
		(struct const_rows){ saved.u, width }, &feedforward->up);
	for (size_t n = 0; n < pass->tokens; n++) {
		const float *up = saved.up + n * 2 * inner;
		gate_times(saved.a + n * inner, up, up + inner, inner);
	}
	memcpy(y, x, pass->tokens * width * sizeof(float));
	pass_map(pass, (struct rows){ y, width }, ADD_OUTPUT, NULL,
		(struct const_rows){ saved.a, inner }, &feedforward->down);
}

void feedforward_backward(const struct xlstm_weights *weights,
	const struct feedforward *feedforward, const struct block_layout *layout,
	const struct pass *pass, const float *x, const float *memory, float *stream,
	float *gradient) {
	size_t width = pass->width, inner = feedforward->inner;
	struct saved saved = cut((float *)memory, width, inner, pass->tokens);
	float *da = pass->scratch, *dup = da + pass->tokens * inner;
	float *du = dup + pass->tokens * 2 * inner;
	struct const_rows dy = { stream, width };

	pass_map_gradient(pass, slope_of(gradient, layout, T_FFN_DOWN), dy,
		(struct const_rows){ saved.a, inner }, width, inner);
	pass_map_back(pass, (struct rows){ da, inner }, dy,
		block_tensor(weights, layout, T_FFN_DOWN), width, inner, false);
	for (size_t n = 0; n < pass->tokens; n++) {
		const float *up = saved.up + n * 2 * inner;
		float *slope = dup + n * 2 * inner;
		if (feedforward->activation == XLSTM_SILU)
			pass->kernels->silu_times_backward(
				slope, slope + inner, up, up + inner, da + n * inner, inner);
		else
			pass->kernels->gelu_times_backward(
				slope, slope + inner, up, up + inner, da + n * inner, inner);
	}
	pass_map_gradient(pass, slope_of(gradient, layout, T_FFN_UP),
		(struct const_rows){ dup, 2 * inner }, (struct const_rows){ saved.u, width },
		2 * inner, width);
	pass_map_back(pass, (struct rows){ du, width }, (struct const_rows){ dup, 2 * inner },
		block_tensor(weights, layout, T_FFN_UP), 2 * inner, width, false);
	pass_norm_back(
		pass, stream, slope_of(gradient, layout, T_FFN_NORM), x, feedforward->norm, du);
}
