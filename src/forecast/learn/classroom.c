/* SPDX-License-Identifier: Apache-2.0 */
#include "classroom.h"

#include "network_loss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Neighbouring ticks teach much the same: one in so many is marked. */
#define MARK_EVERY 2

int classroom_create(struct classroom **ret_classroom, const struct xlstm_model *model) {
	const struct xlstm_tape_options tape = { .series = CLASSROOM_SEATS,
		.steps = LESSON_STEPS_MAX };
	size_t tokens = CLASSROOM_SEATS * LESSON_STEPS_MAX;
	struct classroom *classroom = calloc(1, sizeof(*classroom));
	if (!classroom)
		return -ENOMEM;

	classroom->seats = CLASSROOM_SEATS;
	classroom->state_bytes = xlstm_state_size(model);
	classroom->inputs = calloc(tokens, NETWORK_INPUTS * sizeof(float));
	classroom->outputs = calloc(tokens, NETWORK_OUTPUTS * sizeof(float));
	classroom->slopes = calloc(tokens, NETWORK_OUTPUTS * sizeof(float));
	classroom->states = calloc(CLASSROOM_SEATS, classroom->state_bytes);
	classroom->rows = calloc(CLASSROOM_SEATS, sizeof(void *));
	classroom->labels = calloc(HORIZON_MAX, sizeof(double));
	int r = xlstm_tape_create(&classroom->tape, xlstm_model_shape(model), &tape);
	if (r < 0 || !classroom->inputs || !classroom->outputs || !classroom->slopes ||
		!classroom->states || !classroom->rows || !classroom->labels) {
		classroom_destroy(classroom);
		return -ENOMEM;
	}
	for (size_t i = 0; i < CLASSROOM_SEATS; i++)
		classroom->rows[i] = classroom->states + i * classroom->state_bytes;
	*ret_classroom = classroom;
	return 0;
}

void classroom_destroy(struct classroom *classroom) {
	if (!classroom)
		return;
	xlstm_tape_destroy(classroom->tape);
	lesson_walk_finish(&classroom->walk);
	free(classroom->inputs);
	free(classroom->outputs);
	free(classroom->slopes);
	free(classroom->states);
	free(classroom->rows);
	free(classroom->labels);
	free(classroom);
}

/* Where a step of a seat lies, in numbers of the given width. */
static size_t token(size_t seat, size_t step, size_t steps, size_t width) {
	return (seat * steps + step) * width;
}

/* State and inputs of one lesson. Behind its end the inputs are zero: what the network says there
 * is not marked, and nothing before it depends on it. */
static int seat_lesson(
	struct classroom *classroom, size_t seat, const struct lesson *lesson, size_t steps) {
	float *inputs = classroom->inputs + token(seat, 0, steps, NETWORK_INPUTS);
	int r = lesson_walk_begin(&classroom->walk, lesson);
	if (r < 0)
		return r;
	memcpy(classroom->rows[seat], lesson->state, classroom->state_bytes);
	for (uint32_t i = 0; i < lesson->steps; i++)
		lesson_walk_step(&classroom->walk, inputs + i * NETWORK_INPUTS);
	memset(inputs + lesson->steps * NETWORK_INPUTS, 0,
		(steps - lesson->steps) * NETWORK_INPUTS * sizeof(float));
	return 0;
}

static void scale(float *slopes, double factor) {
	for (size_t i = 0; i < NETWORK_OUTPUTS; i++)
		slopes[i] *= (float)factor;
}

/* Ticks of a lesson at which the network is marked. */
static uint32_t marks_of(const struct lesson *lesson) {
	return (lesson->steps - LESSON_BURN_IN + MARK_EVERY - 1) / MARK_EVERY;
}

/* Mean loss of one lesson; slopes of that, times share, unless they are NULL. */
static int mark_lesson(struct classroom *classroom, const struct lesson *lesson,
	const float *outputs, double share, float *slopes, double *ret_loss) {
	struct lesson_walk *walk = &classroom->walk;
	double sum = 0;
	uint32_t marked = 0;
	int r = lesson_walk_begin(walk, lesson);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < lesson->steps; i++) {
		float *slope = slopes ? slopes + i * NETWORK_OUTPUTS : NULL;
		lesson_walk_step(walk, NULL);
		if (i < LESSON_BURN_IN || (i - LESSON_BURN_IN) % MARK_EVERY ||
			!lesson_walk_labels(walk, classroom->labels))
			continue;
		double loss = network_loss(&walk->view, outputs + i * NETWORK_OUTPUTS,
			classroom->labels, lesson->horizon, slope);
		if (isnan(loss))
			continue;
		if (slope)
			scale(slope, share / marks_of(lesson));
		sum += loss;
		marked++;
	}
	*ret_loss = marked ? sum / marked : NAN;
	return 0;
}

static size_t longest(const struct lesson *const *lessons, size_t count) {
	size_t steps = 0;
	for (size_t i = 0; i < count; i++)
		steps = lessons[i]->steps > steps ? lessons[i]->steps : steps;
	return steps;
}

/* The model's outputs at all steps of the lessons. Returns the steps, or -ENOMEM. */
static int read_lessons(struct classroom *classroom, const struct xlstm_model *model,
	const struct lesson *const *lessons, size_t count) {
	size_t steps = longest(lessons, count);
	for (size_t i = 0; i < count; i++) {
		int r = seat_lesson(classroom, i, lessons[i], steps);
		if (r < 0)
			return r;
	}
	xlstm_sequence(model, classroom->tape, count, steps, classroom->rows, classroom->inputs,
		NULL, classroom->outputs);
	return (int)steps;
}

/* Slopes are those of share times each lesson's loss; share 0: not wanted. */
static int mark_lessons(struct classroom *classroom, const struct lesson *const *lessons,
	size_t count, size_t steps, double share, double *losses) {
	if (share > 0)
		memset(classroom->slopes, 0,
			count * steps * NETWORK_OUTPUTS * sizeof(*classroom->slopes));
	for (size_t i = 0; i < count; i++) {
		size_t at = token(i, 0, steps, NETWORK_OUTPUTS);
		int r = mark_lesson(classroom, lessons[i], classroom->outputs + at, share,
			share > 0 ? classroom->slopes + at : NULL, &losses[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int classroom_examine(struct classroom *classroom, const struct xlstm_model *model,
	const struct lesson *const *lessons, size_t count, double *losses) {
	int steps = read_lessons(classroom, model, lessons, count);
	if (steps < 0)
		return steps;
	return mark_lessons(classroom, lessons, count, (size_t)steps, 0, losses);
}

int classroom_teach(struct classroom *classroom, const struct xlstm_model *model,
	const struct lesson *const *lessons, size_t count, double share,
	struct xlstm_weights *gradient, double *losses) {
	int steps = read_lessons(classroom, model, lessons, count);
	if (steps < 0)
		return steps;
	int r = mark_lessons(classroom, lessons, count, (size_t)steps, share, losses);
	if (r < 0)
		return r;
	xlstm_backward(model, classroom->tape, NULL, classroom->slopes, gradient, NULL);
	return 0;
}
