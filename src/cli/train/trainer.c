/* SPDX-License-Identifier: Apache-2.0 */
#include "trainer_private.h"

#include "network_loss.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Steps at the beginning in which the rate rises, and the last rate over the largest. */
#define WARM_UP   100
#define LAST_RATE 0.01

/* Of the weights that are kept; less at the beginning. */
#define AVERAGING 0.998

#define BETA1 0.9
#define BETA2 0.98
#define CLIP  1.0

/* Slices that wait for a thread. */
struct work {
	struct trainer *trainer;
	atomic_uint next;
};

void weights_gather(const struct xlstm_weights *weights, float *to) {
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(weights, i);
		memcpy(to, tensor.values, tensor.count * sizeof(*to));
		to += tensor.count;
	}
}

void weights_scatter(struct xlstm_weights *weights, const float *from) {
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(weights, i);
		xlstm_tensor_set(weights, tensor.name, from, tensor.count);
		from += tensor.count;
	}
}

static size_t count_floats(const struct xlstm_weights *weights) {
	size_t sum = 0;
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++)
		sum += xlstm_tensor_at(weights, i).count;
	return sum;
}

static void slice_destroy(struct slice *slice) {
	for (int i = 0; i < TRAINER_SLICE; i++)
		lane_destroy(slice->lanes[i]);
	free(slice->windows);
	free(slice->states);
	free(slice->inputs);
	free(slice->outputs);
	free(slice->slopes);
	xlstm_tape_destroy(slice->tape);
	xlstm_weights_destroy(slice->gradient);
	synthetic_room_destroy(slice->room);
}

static int slice_allocate(struct slice *slice, size_t state_size) {
	const size_t tokens = (size_t)TRAINER_SLICE * LANE_WINDOW;
	slice->windows = calloc(TRAINER_SLICE, sizeof(*slice->windows));
	slice->states = calloc(TRAINER_SLICE, state_size);
	slice->inputs = calloc(tokens * NETWORK_INPUTS, sizeof(*slice->inputs));
	slice->outputs = calloc(tokens * NETWORK_OUTPUTS, sizeof(*slice->outputs));
	slice->slopes = calloc(tokens * NETWORK_OUTPUTS, sizeof(*slice->slopes));
	if (!slice->windows || !slice->states || !slice->inputs || !slice->outputs ||
		!slice->slopes)
		return -ENOMEM;
	for (int i = 0; i < TRAINER_SLICE; i++)
		slice->rows[i] = slice->states + (size_t)i * state_size;
	return synthetic_room_create(&slice->room);
}

static int slice_init(struct slice *slice, struct trainer *trainer, uint32_t first) {
	const struct xlstm_shape *shape = xlstm_weights_shape(trainer->weights);
	const struct xlstm_tape_options tape = { .series = TRAINER_SLICE, .steps = LANE_WINDOW };
	int r = slice_allocate(slice, trainer->state_size);
	for (uint32_t i = 0; i < TRAINER_SLICE && r == 0; i++)
		r = lane_create(&slice->lanes[i], &trainer->options.source, first + i);
	if (r == 0)
		r = xlstm_tape_create(&slice->tape, shape, &tape);
	if (r == 0)
		r = xlstm_weights_create(&slice->gradient, shape);
	return r;
}

static int trainer_allocate(struct trainer *trainer) {
	const struct xlstm_shape *shape = xlstm_weights_shape(trainer->weights);
	const struct xlstm_adamw_options adamw = { .beta1 = BETA1,
		.beta2 = BETA2,
		.epsilon = 1e-8,
		.decay = trainer->options.decay,
		.clip = CLIP };
	trainer->average = calloc(trainer->floats, sizeof(*trainer->average));
	trainer->sum = calloc(2 * trainer->floats, sizeof(*trainer->sum));
	trainer->slices = calloc(trainer->slice_count, sizeof(*trainer->slices));
	trainer->work = calloc(1, sizeof(*trainer->work));
	if (!trainer->average || !trainer->sum || !trainer->slices || !trainer->work)
		return -ENOMEM;
	int r = xlstm_weights_create(&trainer->gradient, shape);
	if (r == 0)
		r = xlstm_weights_create(&trainer->mean, shape);
	if (r == 0)
		r = xlstm_weights_create(&trainer->square, shape);
	if (r == 0)
		r = xlstm_adamw_create(&trainer->adamw, shape, &adamw);
	for (uint32_t i = 0; i < trainer->slice_count && r == 0; i++)
		r = slice_init(&trainer->slices[i], trainer, i * TRAINER_SLICE);
	return r;
}

static int measure_state(struct trainer *trainer) {
	struct xlstm_model *model;
	int r = xlstm_model_create(&model, trainer->weights);
	if (r < 0)
		return r;
	trainer->state_size = xlstm_state_size(model);
	xlstm_model_unref(model);
	return 0;
}

int trainer_create(struct trainer **ret_trainer, const struct trainer_options *options) {
	const struct xlstm_shape *shape = xlstm_weights_shape(options->start);
	if (shape->inputs != NETWORK_INPUTS || shape->outputs != NETWORK_OUTPUTS ||
		options->lanes % TRAINER_SLICE || options->lanes == 0)
		return -EINVAL;
	struct trainer *trainer = calloc(1, sizeof(*trainer));
	if (!trainer)
		return -ENOMEM;
	trainer->options = *options;
	trainer->slice_count = options->lanes / TRAINER_SLICE;
	trainer->floats = count_floats(options->start);
	int r = xlstm_weights_clone(&trainer->weights, options->start);
	if (r == 0)
		r = measure_state(trainer);
	if (r == 0)
		r = trainer_allocate(trainer);
	if (r < 0) {
		trainer_destroy(trainer);
		return r;
	}
	weights_gather(trainer->weights, trainer->average);
	*ret_trainer = trainer;
	return 0;
}

void trainer_destroy(struct trainer *trainer) {
	if (!trainer)
		return;
	for (uint32_t i = 0; trainer->slices && i < trainer->slice_count; i++)
		slice_destroy(&trainer->slices[i]);
	free(trainer->slices);
	free(trainer->average);
	free(trainer->sum);
	free(trainer->work);
	xlstm_adamw_destroy(trainer->adamw);
	xlstm_weights_destroy(trainer->weights);
	xlstm_weights_destroy(trainer->gradient);
	xlstm_weights_destroy(trainer->mean);
	xlstm_weights_destroy(trainer->square);
	free(trainer);
}

uint64_t trainer_steps(const struct trainer *trainer) {
	return trainer->step;
}

void trainer_average(const struct trainer *trainer, struct xlstm_weights *weights) {
	weights_scatter(weights, trainer->average);
}

static void load_windows(struct slice *slice, size_t state_size) {
	const size_t inputs = (size_t)LANE_WINDOW * NETWORK_INPUTS;
	for (int i = 0; i < TRAINER_SLICE; i++) {
		struct lane_window *window = &slice->windows[i];
		lane_next(slice->lanes[i], slice->room, window);
		if (window->fresh)
			memset(slice->rows[i], 0, state_size);
		memcpy(slice->inputs + (size_t)i * inputs, window->inputs,
			inputs * sizeof(*window->inputs));
	}
}

static void score_point(struct slice *slice, const struct lane_window *window,
	const struct lane_point *point, size_t token, double weight) {
	const float *outputs = slice->outputs + token * NETWORK_OUTPUTS;
	float *slopes = slice->slopes + token * NETWORK_OUTPUTS;
	for (int i = 0; i < NETWORK_LEADS; i++) {
		const struct network_lead *lead = &point->leads[i];
		double target = point->targets[i], scale = window->scales[i];
		if (isnan(target))
			continue;
		double loss = network_lead_loss(lead, outputs, target, scale, 0, NULL);
		if (loss < NETWORK_LOSS_UNITS_MOST)
			network_lead_loss(lead, outputs, target, scale, weight, slopes);
		slice->loss += weight * fmin(loss, NETWORK_LOSS_UNITS_MOST);
		slice->weight += weight;
	}
}

/* One pass of a slice there and back; its gradient is that of the sum of losses. */
static void slice_step(struct slice *slice, const struct trainer *trainer) {
	const size_t tokens = (size_t)TRAINER_SLICE * LANE_WINDOW;
	load_windows(slice, trainer->state_size);
	lane_lists_fill(
		&slice->lists, trainer->options.source.relatives, slice->windows, TRAINER_SLICE);
	xlstm_sequence_among(trainer->model, slice->tape, TRAINER_SLICE, LANE_WINDOW, slice->rows,
		slice->inputs, &slice->lists.neighbours, NULL, slice->outputs);
	memset(slice->slopes, 0, tokens * NETWORK_OUTPUTS * sizeof(*slice->slopes));
	slice->loss = slice->weight = 0;
	for (size_t i = 0; i < TRAINER_SLICE; i++) {
		const struct lane_window *window = &slice->windows[i];
		for (int p = 0; p < LANE_POINTS; p++) {
			const struct lane_point *point = &window->points[p];
			score_point(slice, window, point, i * LANE_WINDOW + point->tick,
				point->early ? trainer->options.young : 1);
		}
	}
	xlstm_backward(trainer->model, slice->tape, NULL, slice->slopes, slice->gradient, NULL);
}

static void *work_off(void *argument) {
	struct work *work = argument;
	struct trainer *trainer = work->trainer;
	unsigned int next;
	while ((next = atomic_fetch_add(&work->next, 1)) < trainer->slice_count)
		slice_step(&trainer->slices[next], trainer);
	return NULL;
}

/* Where no thread can be started, this one works alone. */
static void work_together(struct trainer *trainer) {
	enum { THREADS_MAX = 64 };
	pthread_t threads[THREADS_MAX];
	uint32_t started = 0, wanted = trainer->options.threads;
	trainer->work->trainer = trainer;
	atomic_store(&trainer->work->next, 0);
	while (started + 1 < wanted && started < THREADS_MAX &&
		pthread_create(&threads[started], NULL, work_off, trainer->work) == 0)
		started++;
	work_off(trainer->work);
	while (started > 0)
		pthread_join(threads[--started], NULL);
}

/* The gradient of the mean loss, which it returns; slices start from zero again. */
static double collect(struct trainer *trainer) {
	float *sum = trainer->sum, *part = trainer->sum + trainer->floats;
	double loss = 0, weight = 0;
	for (uint32_t s = 0; s < trainer->slice_count; s++) {
		loss += trainer->slices[s].loss;
		weight += trainer->slices[s].weight;
	}
	const float share = weight > 0 ? (float)(1 / weight) : 0;
	memset(sum, 0, trainer->floats * sizeof(*sum));
	for (uint32_t s = 0; s < trainer->slice_count; s++) {
		struct xlstm_weights *gradient = trainer->slices[s].gradient;
		weights_gather(gradient, part);
		for (size_t i = 0; i < trainer->floats; i++)
			sum[i] += share * part[i];
		memset(part, 0, trainer->floats * sizeof(*part));
		weights_scatter(gradient, part);
	}
	return weight > 0 ? loss / weight : 0;
}

/* xlstm_tensor_set() takes only what is finite. */
static bool all_finite(const float *values, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (!isfinite(values[i]))
			return false;
	return true;
}

static void add_to_average(struct trainer *trainer) {
	double step = (double)trainer->step;
	float keep = (float)fmin(AVERAGING, (1 + step) / (10 + step));
	weights_gather(trainer->weights, trainer->sum);
	/* What is frozen must not move by rounding either. */
	for (size_t i = 0; i < trainer->floats; i++)
		if (trainer->average[i] != trainer->sum[i])
			trainer->average[i] =
				keep * trainer->average[i] + (1 - keep) * trainer->sum[i];
}

static bool is_of_pooling(const struct xlstm_tensor *tensor) {
	return strncmp(tensor->name, "pool.", 5) == 0;
}

/* Leaves only the pooling's part of a gradient. */
static void freeze(float *gradient, const struct xlstm_weights *weights) {
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(weights, i);
		if (!is_of_pooling(&tensor))
			memset(gradient, 0, tensor.count * sizeof(*gradient));
		gradient += tensor.count;
	}
}

/* Decay has moved what is frozen: puts it back. */
static void restore(struct xlstm_weights *weights, const float *values) {
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(weights, i);
		if (!is_of_pooling(&tensor))
			xlstm_tensor_set(weights, tensor.name, values, tensor.count);
		values += tensor.count;
	}
}

static void move(struct trainer *trainer, double rate) {
	bool frozen = trainer->options.frozen;
	if (frozen)
		freeze(trainer->sum, trainer->weights);
	weights_scatter(trainer->gradient, trainer->sum);
	weights_gather(trainer->weights, trainer->sum);
	xlstm_adamw_step(trainer->adamw, trainer->weights, trainer->gradient, rate);
	if (frozen)
		restore(trainer->weights, trainer->sum);
}

static void empty_states(struct trainer *trainer) {
	for (uint32_t s = 0; s < trainer->slice_count; s++)
		memset(trainer->slices[s].states, 0, TRAINER_SLICE * trainer->state_size);
}

double trainer_step(struct trainer *trainer) {
	const struct trainer_options *options = &trainer->options;
	double rate = xlstm_cosine_rate(trainer->step + 1, WARM_UP, options->steps, options->rate,
		LAST_RATE * options->rate);
	if (xlstm_model_create(&trainer->model, trainer->weights) < 0)
		return NAN;
	work_together(trainer);
	xlstm_model_unref(trainer->model);
	double loss = collect(trainer);
	trainer->step++;
	if (!all_finite(trainer->sum, trainer->floats)) {
		empty_states(trainer);
		return NAN;
	}
	move(trainer, rate);
	add_to_average(trainer);
	return loss;
}
