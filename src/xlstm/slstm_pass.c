/* SPDX-License-Identifier: Apache-2.0 */
/* The sLSTM's cells over windows, in both directions. */
#include "cells.h"

#include <string.h>

/* Arrays of struct slstm_saved for each token. */
enum { CELL_ARRAYS = 9, HIDDEN_ARRAY = 7 };

struct kept {
	float *before; /* [tokens, channels] hidden values of the step before */
	float *arrays; /* [tokens, CELL_ARRAYS, channels] */
};

static struct kept cut_kept(const struct cells *cells) {
	return (struct kept){ cells->kept,
		cells->kept + cells->pass->tokens * cells->layout->channels };
}

size_t slstm_cells_kept(const struct block_layout *layout, size_t tokens) {
	return tokens * layout->channels * (1 + CELL_ARRAYS);
}

size_t slstm_cells_pass_scratch(const struct block_layout *layout, size_t series, size_t tokens) {
	return layout->channels * (4 * tokens + 3 * series);
}

static struct slstm_saved saved_at(const struct kept *kept, size_t token, size_t channels) {
	float *at = kept->arrays + token * CELL_ARRAYS * channels;
	return (struct slstm_saved){ at, at + channels, at + 2 * channels, at + 3 * channels,
		at + 4 * channels, at + 5 * channels, at + 6 * channels,
		at + HIDDEN_ARRAY * channels, at + 8 * channels };
}

struct const_rows slstm_cells_hidden(const struct cells *cells) {
	size_t channels = cells->layout->channels;
	return (struct const_rows){ cut_kept(cells).arrays + HIDDEN_ARRAY * channels,
		CELL_ARRAYS * channels };
}

/* One step of all series; gates [tokens, 4 channels] hold all but the recurrent part. */
static void step_forward(const struct slstm *slstm, const struct cells *cells,
	const struct kept *kept, float *gates, size_t t) {
	const struct block_layout *layout = cells->layout;
	const struct pass *pass = cells->pass;
	const struct state_fields *at = &layout->state;
	size_t channels = layout->channels, steps = pass->steps;

	for (size_t i = 0; i < pass->series; i++)
		memcpy(kept->before + (i * steps + t) * channels,
			pass_state(pass, i, layout) + at->hidden, channels * sizeof(float));
	pass->kernels->matmul(gates + t * 4 * channels, steps * 4 * channels, ADD_OUTPUT, NULL,
		kept->before + t * channels, steps * channels, pass->series, &slstm->recurrent);
	for (size_t i = 0; i < pass->series; i++) {
		size_t token = i * steps + t;
		float *state = pass_state(pass, i, layout);
		struct slstm_step step = { state + at->hidden, state + at->cell,
			state + at->normaliser, state + at->stabiliser,
			gates + token * 4 * channels, channels };
		struct slstm_saved saved = saved_at(kept, token, channels);
		pass->kernels->slstm_cell_saving(&step, &saved);
	}
}

void slstm_cells_forward(const struct slstm *slstm, const struct cells *cells) {
	const struct pass *pass = cells->pass;
	size_t channels = cells->layout->channels;
	struct kept kept = cut_kept(cells);
	float *gates = cells->scratch;

	pass_map(pass, (struct rows){ gates, 4 * channels }, ADD_BIAS, slstm->bias, cells->s,
		&slstm->input_and_forget);
	pass_map(pass, (struct rows){ gates + 2 * channels, 4 * channels }, ADD_BIAS,
		slstm->bias + 2 * channels, cells->u, &slstm->candidate_and_output);
	for (size_t t = 0; t < pass->steps; t++)
		step_forward(slstm, cells, &kept, gates, t);
}

struct slopes {
	float *gates; /* [tokens, 4 channels] */
	float *recurrent; /* [series, channels] of h, from the step after */
	float *cell, *normaliser; /* [series, channels] */
};

static struct slopes cut_slopes(const struct cells *cells) {
	size_t channels = cells->layout->channels, series = cells->pass->series;
	struct slopes slopes;
	slopes.gates = cells->scratch;
	slopes.recurrent = slopes.gates + cells->pass->tokens * 4 * channels;
	slopes.cell = slopes.recurrent + series * channels;
	slopes.normaliser = slopes.cell + series * channels;
	return slopes;
}

/* Element (head, gate) of a tensor [heads, 4 units, units]. */
static size_t recurrent_at(const struct block_layout *layout, size_t head, size_t gate) {
	return (head * 4 + gate) * layout->units * layout->units;
}

/* dh of the step before = sum over gates of R' dgate. */
static void recurrent_back(
	const float *recurrent, const struct cells *cells, const struct slopes *slopes, size_t t) {
	const struct block_layout *layout = cells->layout;
	const struct pass *pass = cells->pass;
	size_t channels = layout->channels, units = layout->units;
	for (size_t head = 0; head < layout->heads; head++)
		for (size_t gate = 0; gate < 4; gate++)
			pass->kernels->product(
				(struct rows){ slopes->recurrent + head * units, channels },
				(struct strided){ slopes->gates + t * 4 * channels +
							  gate * channels + head * units,
					pass->steps * 4 * channels, 1 },
				(struct const_rows){
					recurrent + recurrent_at(layout, head, gate), units },
				pass->series, units, units, gate > 0);
}

static void steps_back(const float *recurrent, const struct cells *cells, const struct kept *kept,
	const struct slopes *slopes, float *dh) {
	const struct pass *pass = cells->pass;
	size_t channels = cells->layout->channels;

	memset(slopes->recurrent, 0, 3 * pass->series * channels * sizeof(float));
	for (size_t t = pass->steps; t-- > 0;) {
		for (size_t i = 0; i < pass->series; i++) {
			size_t token = i * pass->steps + t;
			float *hidden = dh + token * channels;
			struct slstm_saved saved = saved_at(kept, token, channels);
			struct slstm_slope slope = { hidden, slopes->cell + i * channels,
				slopes->normaliser + i * channels,
				slopes->gates + token * 4 * channels };
			pass->kernels->add(hidden, slopes->recurrent + i * channels, channels);
			pass->kernels->slstm_cell_backward(&slope, &saved, channels);
		}
		recurrent_back(recurrent, cells, slopes, t);
	}
}

static void recurrent_gradient(float *dr, const struct cells *cells, const struct kept *kept,
	const struct slopes *slopes) {
	const struct block_layout *layout = cells->layout;
	size_t channels = layout->channels, units = layout->units;
	for (size_t head = 0; head < layout->heads; head++)
		for (size_t gate = 0; gate < 4; gate++)
			pass_map_gradient(cells->pass, dr + recurrent_at(layout, head, gate),
				(struct const_rows){ slopes->gates + gate * channels + head * units,
					4 * channels },
				(struct const_rows){ kept->before + head * units, channels }, units,
				units);
}

/* One gate's map, head by head: its gradient, and what it adds to the gradient of its input. */
static void headwise_back(const float *w, float *dw, const struct cells *cells, const float *dgate,
	struct const_rows x, struct rows dx, bool add) {
	size_t channels = cells->layout->channels, units = cells->layout->units;
	for (size_t head = 0; head < cells->layout->heads; head++) {
		size_t at = head * units, matrix = at * units;
		struct const_rows dy = { dgate + at, 4 * channels };
		pass_map_gradient(cells->pass, dw + matrix, dy,
			(struct const_rows){ x.values + at, x.stride }, units, units);
		pass_map_back(cells->pass, (struct rows){ dx.values + at, dx.stride }, dy,
			w + matrix, units, units, add);
	}
}

static void gates_back(const struct xlstm_weights *weights, const struct cells *cells,
	const struct cells_slope *slope, const struct slopes *slopes, float *gradient) {
	static const enum tensor_id ids[4] = { T_W_Z, T_W_O, T_W_I, T_W_F };
	static const size_t gates[4] = { 2, 3, 0, 1 };
	const struct block_layout *layout = cells->layout;

	for (size_t i = 0; i < 4; i++)
		headwise_back(block_tensor(weights, layout, ids[i]),
			slope_of(gradient, layout, ids[i]), cells,
			slopes->gates + gates[i] * layout->channels, i < 2 ? cells->u : cells->s,
			i < 2 ? slope->u : slope->s, i > 0);
}

void slstm_cells_backward(const struct xlstm_weights *weights, const struct cells *cells,
	const struct cells_slope *slope, float *gradient) {
	const struct block_layout *layout = cells->layout;
	struct kept kept = cut_kept(cells);
	struct slopes slopes = cut_slopes(cells);

	steps_back(block_tensor(weights, layout, T_RECURRENT), cells, &kept, &slopes, slope->h);
	recurrent_gradient(slope_of(gradient, layout, T_RECURRENT), cells, &kept, &slopes);
	pass_bias_gradient(cells->pass, slope_of(gradient, layout, T_BIAS),
		(struct const_rows){ slopes.gates, 4 * layout->channels }, 4 * layout->channels);
	gates_back(weights, cells, slope, &slopes, gradient);
}
