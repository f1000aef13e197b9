/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of the sLSTM block over windows, in both directions. */
#include "pass.h"
#include "tile.h"

#include <string.h>

/* Arrays of struct slstm_saved for each token. */
enum { CELL_ARRAYS = 9 };

struct saved {
	float *u; /* [tokens, width] normed input */
	float *s, *silu_slopes; /* [tokens, width] convolved, after silu; unused without taps */
	float *before; /* [tokens, width] hidden values of the step before */
	float *cells; /* [tokens, CELL_ARRAYS, width] */
};

static struct saved cut(float *memory, size_t width, size_t tokens) {
	struct saved saved;
	saved.u = memory;
	saved.s = saved.u + tokens * width;
	saved.silu_slopes = saved.s + tokens * width;
	saved.before = saved.silu_slopes + tokens * width;
	saved.cells = saved.before + tokens * width;
	return saved;
}

size_t slstm_saved_floats(const struct block_layout *layout, size_t tokens) {
	return tokens * layout->channels * (4 + CELL_ARRAYS);
}

size_t slstm_pass_scratch(const struct block_layout *layout, size_t series, size_t tokens) {
	return layout->channels * (7 * tokens + 3 * series) + pass_convolve_scratch(layout);
}

static struct slstm_saved cell_at(const struct saved *saved, size_t token, size_t width) {
	float *at = saved->cells + token * CELL_ARRAYS * width;
	return (struct slstm_saved){ at, at + width, at + 2 * width, at + 3 * width, at + 4 * width,
		at + 5 * width, at + 6 * width, at + 7 * width, at + 8 * width };
}

/* What the input and forget gates see. */
static const float *gate_input(const struct block_layout *layout, const struct saved *saved) {
	return layout->taps ? saved->s : saved->u;
}

/* One step of all series; gates [tokens, 4 width] hold all but the recurrent part. */
static void step_forward(const struct slstm *slstm, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved, float *gates, size_t t) {
	const struct state_fields *at = &layout->state;
	size_t width = pass->width, steps = pass->steps;

	for (size_t i = 0; i < pass->series; i++)
		memcpy(saved->before + (i * steps + t) * width,
			pass_state(pass, i, layout) + at->hidden, width * sizeof(float));
	pass->kernels->matmul(gates + t * 4 * width, steps * 4 * width, ADD_OUTPUT, NULL,
		saved->before + t * width, steps * width, pass->series, &slstm->recurrent);
	for (size_t i = 0; i < pass->series; i++) {
		size_t token = i * steps + t;
		float *state = pass_state(pass, i, layout);
		struct slstm_step step = { state + at->hidden, state + at->cell,
			state + at->normaliser, state + at->stabiliser, gates + token * 4 * width,
			width };
		struct slstm_saved cell = cell_at(saved, token, width);
		pass->kernels->slstm_cell_saving(&step, &cell);
	}
}

void slstm_forward(const struct slstm *slstm, const struct block_layout *layout,
	const struct pass *pass, const float *x, float *y, float *memory) {
	size_t width = pass->width;
	struct saved saved = cut(memory, width, pass->tokens);
	float *gates = pass->scratch;

	pass_norm(pass, saved.u, x, slstm->norm);
	if (layout->taps) {
		struct const_rows u = { saved.u, width };
		pass_convolve(pass, layout, &slstm->convolution, u, saved.s, saved.silu_slopes);
		pass_move_windows(pass, layout, u);
	}
	pass_map(pass, (struct rows){ gates, 4 * width }, ADD_BIAS, slstm->bias,
		(struct const_rows){ gate_input(layout, &saved), width }, &slstm->input_and_forget);
	pass_map(pass, (struct rows){ gates + 2 * width, 4 * width }, ADD_BIAS,
		slstm->bias + 2 * width, (struct const_rows){ saved.u, width },
		&slstm->candidate_and_output);
	for (size_t t = 0; t < pass->steps; t++)
		step_forward(slstm, layout, pass, &saved, gates, t);
	for (size_t n = 0; n < pass->tokens; n++) {
		float *sum = y + n * width;
		pass->kernels->norm(sum, cell_at(&saved, n, width).hidden, slstm->head_norm, width,
			layout->units, NORM_EPSILON);
		pass->kernels->add(sum, x + n * width, width);
	}
}

struct slopes {
	float *hidden; /* [tokens, width] */
	float *gates; /* [tokens, 4 width] */
	float *s, *u; /* [tokens, width] */
	float *recurrent; /* [series, width] of h, from the step after */
	float *cell, *normaliser; /* [series, width] */
};

static struct slopes cut_slopes(float *memory, const struct pass *pass) {
	size_t wide = pass->tokens * pass->width;
	struct slopes slopes;
	slopes.hidden = memory;
	slopes.gates = slopes.hidden + wide;
	slopes.s = slopes.gates + 4 * wide;
	slopes.u = slopes.s + wide;
	slopes.recurrent = slopes.u + wide;
	slopes.cell = slopes.recurrent + pass->series * pass->width;
	slopes.normaliser = slopes.cell + pass->series * pass->width;
	return slopes;
}

/* Element (head, gate) of a tensor [heads, 4 units, units]. */
static size_t recurrent_at(const struct block_layout *layout, size_t head, size_t gate) {
	return (head * 4 + gate) * layout->units * layout->units;
}

/* dh of the step before = sum over gates of R' dgate. */
static void recurrent_back(const float *recurrent, const struct block_layout *layout,
	const struct pass *pass, const struct slopes *slopes, size_t t) {
	size_t width = pass->width, units = layout->units;
	for (size_t head = 0; head < layout->heads; head++)
		for (size_t gate = 0; gate < 4; gate++)
			pass->kernels->product(
				(struct rows){ slopes->recurrent + head * units, width },
				(struct strided){
					slopes->gates + t * 4 * width + gate * width + head * units,
					pass->steps * 4 * width, 1 },
				(struct const_rows){
					recurrent + recurrent_at(layout, head, gate), units },
				pass->series, units, units, gate > 0);
}

static void steps_back(const float *recurrent, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved, const struct slopes *slopes) {
	size_t width = pass->width;

	memset(slopes->recurrent, 0, 3 * pass->series * width * sizeof(float));
	for (size_t t = pass->steps; t-- > 0;) {
		for (size_t i = 0; i < pass->series; i++) {
			size_t token = i * pass->steps + t;
			float *hidden = slopes->hidden + token * width;
			struct slstm_saved cell = cell_at(saved, token, width);
			struct slstm_slope slope = { hidden, slopes->cell + i * width,
				slopes->normaliser + i * width, slopes->gates + token * 4 * width };
			pass->kernels->add(hidden, slopes->recurrent + i * width, width);
			pass->kernels->slstm_cell_backward(&slope, &cell, width);
		}
		recurrent_back(recurrent, layout, pass, slopes, t);
	}
}

static void recurrent_gradient(float *dr, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved, const struct slopes *slopes) {
	size_t width = pass->width, units = layout->units;
	for (size_t head = 0; head < layout->heads; head++)
		for (size_t gate = 0; gate < 4; gate++)
			pass_map_gradient(pass, dr + recurrent_at(layout, head, gate),
				(struct const_rows){
					slopes->gates + gate * width + head * units, 4 * width },
				(struct const_rows){ saved->before + head * units, width }, units,
				units);
}

/* One gate's map, head by head: its gradient, and what it adds to the gradient of its input. */
static void headwise_back(const float *w, float *dw, const struct block_layout *layout,
	const struct pass *pass, const float *dgate, const float *x, float *dx, bool add) {
	size_t width = pass->width, units = layout->units;
	for (size_t head = 0; head < layout->heads; head++) {
		size_t at = head * units, matrix = at * units;
		struct const_rows dy = { dgate + at, 4 * width };
		pass_map_gradient(
			pass, dw + matrix, dy, (struct const_rows){ x + at, width }, units, units);
		pass_map_back(
			pass, (struct rows){ dx + at, width }, dy, w + matrix, units, units, add);
	}
}

static void gates_back(const struct xlstm_weights *weights, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved, const struct slopes *slopes,
	float *gradient) {
	size_t width = pass->width;
	const float *s = gate_input(layout, saved);
	float *ds = layout->taps ? slopes->s : slopes->u;
	static const enum tensor_id ids[4] = { T_W_Z, T_W_O, T_W_I, T_W_F };
	static const size_t gates[4] = { 2, 3, 0, 1 };

	for (size_t i = 0; i < 4; i++) {
		bool first_of_u = i == 0, first_of_s = i == 2 && layout->taps;
		headwise_back(block_tensor(weights, layout, ids[i]),
			slope_of(gradient, layout, ids[i]), layout, pass,
			slopes->gates + gates[i] * width, i < 2 ? saved->u : s,
			i < 2 ? slopes->u : ds, !first_of_u && !first_of_s);
	}
}

void slstm_backward(const struct xlstm_weights *weights, const struct slstm *slstm,
	const struct block_layout *layout, const struct pass *pass, const float *x,
	const float *memory, float *stream, float *gradient) {
	size_t width = pass->width;
	struct saved saved = cut((float *)memory, width, pass->tokens);
	struct slopes slopes = cut_slopes(pass->scratch + pass_convolve_scratch(layout), pass);

	memset(slopes.hidden, 0, pass->tokens * width * sizeof(float));
	for (size_t n = 0; n < pass->tokens; n++)
		pass->kernels->norm_backward(slopes.hidden + n * width,
			slope_of(gradient, layout, T_HEAD_NORM), cell_at(&saved, n, width).hidden,
			slstm->head_norm, stream + n * width, width, layout->units, NORM_EPSILON);
	steps_back(block_tensor(weights, layout, T_RECURRENT), layout, pass, &saved, &slopes);
	recurrent_gradient(slope_of(gradient, layout, T_RECURRENT), layout, pass, &saved, &slopes);
	pass_bias_gradient(pass, slope_of(gradient, layout, T_BIAS),
		(struct const_rows){ slopes.gates, 4 * width }, 4 * width);
	gates_back(weights, layout, pass, &saved, &slopes, gradient);
	if (layout->taps)
		pass_convolve_back(pass, layout, &slstm->convolution,
			(struct const_rows){ saved.u, width }, saved.silu_slopes, slopes.s,
			(struct rows){ slopes.u, width }, gradient);
	pass_norm_back(pass, stream, slope_of(gradient, layout, T_NORM), x, slstm->norm, slopes.u);
}
