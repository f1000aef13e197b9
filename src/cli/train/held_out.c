/* SPDX-License-Identifier: Apache-2.0 */
#include "held_out.h"

#include "network_loss.h"
#include "relatives.h"
#include "xlstm/train.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Windows of each lane. */
#define WINDOWS 12

/* Those of training are other ones. */
#define SEED UINT64_C(0x68656c642d6f7574)

struct bed {
	struct xlstm_model *model;
	struct xlstm_tape *tape;
	struct synthetic_room *room;
	struct lane *lanes[LANE_COMPANY];
	struct lane_window *windows; /* [LANE_COMPANY] */
	struct lane_lists lists;
	void *rows[LANE_COMPANY];
	float *inputs, *outputs; /* [LANE_COMPANY, LANE_WINDOW, ...] */
	struct held_out *held_out;
};

static int bed_allocate(struct bed *bed) {
	const size_t tokens = (size_t)LANE_COMPANY * LANE_WINDOW;
	bool failed = false;
	bed->windows = calloc(LANE_COMPANY, sizeof(*bed->windows));
	bed->inputs = calloc(tokens * NETWORK_INPUTS, sizeof(*bed->inputs));
	bed->outputs = calloc(tokens * NETWORK_OUTPUTS, sizeof(*bed->outputs));
	for (int i = 0; i < LANE_COMPANY; i++) {
		bed->rows[i] = calloc(1, xlstm_state_size(bed->model));
		failed |= !bed->rows[i];
	}
	return failed || !bed->windows || !bed->inputs || !bed->outputs ? -ENOMEM : 0;
}

static int bed_init(struct bed *bed, const struct xlstm_weights *weights) {
	const struct xlstm_tape_options options = {
		.series = LANE_COMPANY, .steps = LANE_WINDOW, .forward_only = true
	};
	int r = xlstm_model_create(&bed->model, weights);
	if (r < 0)
		return r;
	r = bed_allocate(bed);
	if (r == 0)
		r = synthetic_room_create(&bed->room);
	if (r < 0)
		return r;
	return xlstm_tape_create(&bed->tape, xlstm_weights_shape(weights), &options);
}

static void close_lanes(struct bed *bed) {
	for (int i = 0; i < LANE_COMPANY; i++) {
		lane_destroy(bed->lanes[i]);
		bed->lanes[i] = NULL;
	}
}

static void bed_finish(struct bed *bed) {
	close_lanes(bed);
	xlstm_model_unref(bed->model);
	xlstm_tape_destroy(bed->tape);
	synthetic_room_destroy(bed->room);
	for (int i = 0; i < LANE_COMPANY; i++)
		free(bed->rows[i]);
	free(bed->windows);
	free(bed->inputs);
	free(bed->outputs);
}

static void add_point(struct bed *bed, const struct lane_window *window,
	const struct lane_point *point, const float *outputs) {
	static const float silence[NETWORK_OUTPUTS];
	struct held_out_loss *losses =
		bed->held_out->leads[point->early ? HELD_OUT_YOUNG : HELD_OUT_LATER];
	for (int i = 0; i < NETWORK_LEADS; i++) {
		double target = point->targets[i], scale = window->scales[i];
		const struct network_lead *lead = &point->leads[i];
		if (isnan(target))
			continue;
		losses[i].network += network_lead_loss(lead, outputs, target, scale, 0, NULL);
		losses[i].closed += network_lead_loss(lead, silence, target, scale, 0, NULL);
		losses[i].count++;
	}
}

static void load_windows(struct bed *bed, uint32_t count) {
	const size_t inputs = (size_t)LANE_WINDOW * NETWORK_INPUTS;
	for (uint32_t i = 0; i < count; i++) {
		struct lane_window *window = &bed->windows[i];
		lane_next(bed->lanes[i], bed->room, window);
		if (window->fresh)
			memset(bed->rows[i], 0, xlstm_state_size(bed->model));
		memcpy(bed->inputs + i * inputs, window->inputs, inputs * sizeof(*bed->inputs));
	}
}

/* One window of the lanes that are worked on together. */
static void walk_window(struct bed *bed, const struct relatives *relatives, uint32_t count) {
	load_windows(bed, count);
	lane_lists_fill(&bed->lists, relatives, bed->windows, count);
	xlstm_sequence_among(bed->model, bed->tape, count, LANE_WINDOW, bed->rows, bed->inputs,
		&bed->lists.neighbours, NULL, bed->outputs);
	for (uint32_t i = 0; i < count; i++)
		for (int p = 0; p < LANE_POINTS; p++) {
			const struct lane_point *point = &bed->windows[i].points[p];
			size_t token = (size_t)i * LANE_WINDOW + point->tick;
			add_point(bed, &bed->windows[i], point,
				bed->outputs + token * NETWORK_OUTPUTS);
		}
}

static int walk_lanes(
	struct bed *bed, const struct lane_source *source, uint32_t first, uint32_t count) {
	int r = 0;
	for (uint32_t i = 0; i < count && r == 0; i++)
		r = lane_create(&bed->lanes[i], source, first + i);
	for (int i = 0; i < WINDOWS && r == 0; i++)
		walk_window(bed, source->relatives, count);
	close_lanes(bed);
	return r;
}

int held_out_measure(const struct xlstm_weights *weights, const struct lane_source *training,
	uint32_t lanes, struct held_out *held_out) {
	struct lane_source source = *training;
	struct bed bed = { .held_out = held_out };
	source.seed = SEED;
	source.held_out = true;
	*held_out = (struct held_out){ 0 };
	int r = bed_init(&bed, weights);
	for (uint32_t i = 0; i < lanes && r == 0; i += LANE_COMPANY)
		r = walk_lanes(
			&bed, &source, i, lanes - i < LANE_COMPANY ? lanes - i : LANE_COMPANY);
	bed_finish(&bed);
	return r;
}

struct held_out_loss held_out_sum(const struct held_out *held_out, enum held_out_part part) {
	struct held_out_loss sum = { 0 };
	for (int i = 0; i < NETWORK_LEADS; i++) {
		sum.network += held_out->leads[part][i].network;
		sum.closed += held_out->leads[part][i].closed;
		sum.count += held_out->leads[part][i].count;
	}
	return sum;
}
