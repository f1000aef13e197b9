/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What do neighbours cost? A step of 10 000 series of the network that ships (56 inputs, two sLSTM
 * blocks of width 64, 360 outputs), each of which sees 12 others, over the same step without; both
 * measured in turn in the same run, one thread, processor time. The others are of the same 256, as
 * many as a neighbourhood of the daemon has, or lie anywhere among the 10 000, 256 bytes each on a
 * page of its own.
 *
 *   bench_pool
 */
#include "xlstm/xlstm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SERIES = 10000, NEIGHBOURS = 12, INPUTS = 56, WIDTH = 64, OUTPUTS = 360, KEYS = 32 };
enum { NEIGHBOURHOOD = 256 };

/* The best of so many tries counts. */
enum { TRIES = 40 };

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void *memory(size_t bytes) {
	void *taken = aligned_alloc(64, (bytes + 63) / 64 * 64);
	if (!taken)
		exit(1);
	memset(taken, 0, bytes);
	return taken;
}

struct lot {
	struct xlstm_model *model;
	struct xlstm_workspace *workspace;
	void *rows[SERIES];
	char *states;
};

static float inputs[SERIES * INPUTS], features[SERIES * WIDTH], outputs[SERIES * OUTPUTS];
static uint32_t offsets[SERIES + 1], indices[SERIES * NEIGHBOURS];
static float distances[SERIES * NEIGHBOURS], ages[SERIES * NEIGHBOURS];

static void lot_open(struct lot *lot, const struct xlstm_weights *weights) {
	if (xlstm_model_create(&lot->model, weights) < 0 ||
		xlstm_workspace_create(&lot->workspace, lot->model, XLSTM_BEST) < 0)
		exit(1);
	size_t size = xlstm_state_size(lot->model);
	lot->states = memory(SERIES * size);
	for (size_t i = 0; i < SERIES; i++)
		lot->rows[i] = lot->states + i * size;
}

static void lot_close(struct lot *lot) {
	xlstm_workspace_destroy(lot->workspace);
	xlstm_model_unref(lot->model);
	free(lot->states);
}

static void make_inputs(void) {
	for (size_t i = 0; i < SERIES * INPUTS; i++)
		inputs[i] = (float)(i * 7919 % 1999) / 999.5f - 1.0f;
}

/* Neighbours among `room` series that lie together. */
static void make_lists(uint32_t room) {
	for (uint32_t i = 0; i < SERIES * NEIGHBOURS; i++) {
		uint32_t first = i / NEIGHBOURS / room * room;
		uint32_t end = first + room < SERIES ? first + room : SERIES;
		indices[i] = first + (i * 2654435761u >> 7) % (end - first);
		distances[i] = (float)(i * 104729 % 1999) / 1999.0f;
		ages[i] = i % 16 == 0;
	}
	for (uint32_t i = 0; i <= SERIES; i++)
		offsets[i] = i * NEIGHBOURS;
}

static double alone(struct lot *lot) {
	double began = now();
	xlstm_step(lot->model, lot->workspace, SERIES, lot->rows, inputs, features, outputs);
	return now() - began;
}

static double among(struct lot *lot) {
	const struct xlstm_neighbours neighbours = { .offsets = offsets,
		.indices = indices,
		.distances = distances,
		.ages = ages,
		.states = (const void *const *)lot->rows };
	double began = now();
	xlstm_step_among(lot->model, lot->workspace, SERIES, lot->rows, inputs, &neighbours,
		features, outputs);
	xlstm_commit(lot->model, SERIES, lot->rows);
	return now() - began;
}

static void compare(const struct xlstm_weights *weights, enum xlstm_pool kind, const char *name,
	const char *where) {
	struct xlstm_weights *pooled;
	static struct lot without, with;
	double fastest = HUGE_VAL, slowest = HUGE_VAL;
	if (xlstm_weights_with_pool(
		    &pooled, weights, kind, kind == XLSTM_ATTENTION_POOL ? KEYS : 0, 1) < 0)
		exit(1);
	lot_open(&without, weights);
	lot_open(&with, pooled);
	for (int i = 0; i < TRIES; i++) {
		fastest = fmin(fastest, alone(&without));
		slowest = fmin(slowest, among(&with));
	}
	printf("step with pooling (%s, k = 12 %s) over without %5.2f  (mark 1.50) %s  %.1f against "
	       "%.1f ms\n",
		name, where, slowest / fastest, slowest / fastest <= 1.5 ? "ok  " : "MISS",
		1e3 * slowest, 1e3 * fastest);
	lot_close(&without);
	lot_close(&with);
	xlstm_weights_destroy(pooled);
}

int main(void) {
	struct xlstm_shape shape = {
		.inputs = INPUTS, .width = WIDTH, .outputs = OUTPUTS, .block_count = 2
	};
	struct xlstm_weights *weights;
	shape.blocks[0] = shape.blocks[1] = xlstm_block_published(XLSTM_SLSTM, WIDTH, 4);
	if (xlstm_weights_create(&weights, &shape) < 0)
		return 1;
	xlstm_weights_initialise(weights, 1);
	make_inputs();
	make_lists(NEIGHBOURHOOD);
	compare(weights, XLSTM_MEAN_POOL, "mean", "of 256");
	compare(weights, XLSTM_INVERSE_POOL, "inverse", "of 256");
	compare(weights, XLSTM_ATTENTION_POOL, "attention", "of 256");
	make_lists(SERIES);
	compare(weights, XLSTM_ATTENTION_POOL, "attention", "of all");
	xlstm_weights_destroy(weights);
	return 0;
}
