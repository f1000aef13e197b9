/* SPDX-License-Identifier: Apache-2.0 */
#include "held_out.h"

#include "network_loss.h"
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
	struct lane_window *window;
	void *state;
	float *outputs; /* [LANE_WINDOW, NETWORK_OUTPUTS] */
	struct held_out *held_out;
};

static int bed_init(struct bed *bed, const struct xlstm_weights *weights) {
	const struct xlstm_tape_options options = {
		.series = 1, .steps = LANE_WINDOW, .forward_only = true
	};
	int r = xlstm_model_create(&bed->model, weights);
	if (r < 0)
		return r;
	bed->window = calloc(1, sizeof(*bed->window));
	bed->state = calloc(1, xlstm_state_size(bed->model));
	bed->outputs = calloc((size_t)LANE_WINDOW * NETWORK_OUTPUTS, sizeof(*bed->outputs));
	if (!bed->window || !bed->state || !bed->outputs)
		return -ENOMEM;
	r = synthetic_room_create(&bed->room);
	if (r < 0)
		return r;
	return xlstm_tape_create(&bed->tape, xlstm_weights_shape(weights), &options);
}

static void bed_finish(struct bed *bed) {
	xlstm_model_unref(bed->model);
	xlstm_tape_destroy(bed->tape);
	synthetic_room_destroy(bed->room);
	free(bed->window);
	free(bed->state);
	free(bed->outputs);
}

static void add_point(struct bed *bed, const struct lane_point *point) {
	static const float silence[NETWORK_OUTPUTS];
	const float *outputs = bed->outputs + (size_t)point->tick * NETWORK_OUTPUTS;
	struct held_out_loss *losses =
		bed->held_out->leads[point->early ? HELD_OUT_YOUNG : HELD_OUT_LATER];
	for (int i = 0; i < NETWORK_LEADS; i++) {
		double target = point->targets[i], scale = bed->window->scales[i];
		const struct network_lead *lead = &point->leads[i];
		if (isnan(target))
			continue;
		losses[i].network += network_lead_loss(lead, outputs, target, scale, 0, NULL);
		losses[i].closed += network_lead_loss(lead, silence, target, scale, 0, NULL);
		losses[i].count++;
	}
}

static int walk_lane(struct bed *bed, const struct lane_source *source, uint32_t index) {
	struct lane *lane;
	int r = lane_create(&lane, source, index);
	if (r < 0)
		return r;
	for (int i = 0; i < WINDOWS; i++) {
		lane_next(lane, bed->room, bed->window);
		if (bed->window->fresh)
			memset(bed->state, 0, xlstm_state_size(bed->model));
		xlstm_sequence(bed->model, bed->tape, 1, LANE_WINDOW, &bed->state,
			bed->window->inputs, NULL, bed->outputs);
		for (int p = 0; p < LANE_POINTS; p++)
			add_point(bed, &bed->window->points[p]);
	}
	lane_destroy(lane);
	return 0;
}

int held_out_measure(const struct xlstm_weights *weights, const struct recorded *recorded,
	double recorded_share, uint32_t lanes, struct held_out *held_out) {
	const struct lane_source source = { .seed = SEED,
		.recorded = recorded,
		.recorded_share = recorded_share,
		.held_out = true };
	struct bed bed = { .held_out = held_out };
	*held_out = (struct held_out){ 0 };
	int r = bed_init(&bed, weights);
	for (uint32_t i = 0; i < lanes && r == 0; i++)
		r = walk_lane(&bed, &source, i);
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
