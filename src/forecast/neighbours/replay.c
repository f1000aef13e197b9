/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"

#include "pending.h"
#include "random.h"

#include <math.h>
#include <string.h>

/* Examples before anything is learned from them. */
#define PRACTICE_FIRST 256

/* Steps of a round, and examples of a step: so many for each two members, within bounds. */
#define STEPS          2
#define EXAMPLES       5
#define EXAMPLES_LEAST 32
#define EXAMPLES_MOST  512

size_t replay_size(uint32_t seats) {
	return sizeof(struct replay) + replay_room(seats) * sizeof(struct replay_example);
}

bool replay_is_sound(const struct replay *replay, uint32_t seats) {
	return replay->count <= replay_room(seats) && replay->count <= replay->offered &&
	       replay->offered < UINT64_MAX / 2;
}

void replay_copy(struct replay *to, const struct replay *from) {
	memcpy(to, from, sizeof(*from) + from->count * sizeof(from->examples[0]));
}

/* Where the next that is offered goes. */
static uint32_t place_next(struct replay *replay, uint32_t room) {
	uint64_t offered = ++replay->offered;
	uint64_t chance = offered / room < REPLAY_RARE ? offered : (uint64_t)room * REPLAY_RARE;
	if (replay->count < room)
		return replay->count++;
	uint64_t place = random_bits(offered) % chance;
	return place < room ? (uint32_t)place : REPLAY_NONE;
}

uint32_t replay_offer(struct replay *replay, uint32_t seats, uint32_t series, uint64_t tick,
	const float inputs[PERCEPTRON_INPUTS]) {
	float labels[PERCEPTRON_OUTPUTS];
	uint32_t place = place_next(replay, replay_room(seats));
	if (place == REPLAY_NONE)
		return place;
	struct replay_example *example = &replay->examples[place];
	*example = (struct replay_example){ .series = series, .tick = tick };
	for (int k = 0; k < PERCEPTRON_OUTPUTS; k++)
		labels[k] = NAN;
	brief_write_floats(inputs, PERCEPTRON_INPUTS, example->inputs);
	brief_write_floats(labels, PERCEPTRON_OUTPUTS, example->labels);
	return place;
}

void replay_label(struct replay *replay, uint32_t example, uint32_t series, uint64_t tick,
	uint32_t output, float label) {
	if (example >= replay->count)
		return;
	struct replay_example *to = &replay->examples[example];
	if (to->series == series && to->tick == tick)
		brief_write_floats(&label, 1, &to->labels[output]);
}

void replay_read(const struct replay *replay, uint32_t example, float inputs[PERCEPTRON_INPUTS],
	float labels[PERCEPTRON_OUTPUTS]) {
	const struct replay_example *from = &replay->examples[example];
	brief_read_floats(from->inputs, PERCEPTRON_INPUTS, inputs);
	brief_read_floats(from->labels, PERCEPTRON_OUTPUTS, labels);
}

static uint32_t examples_of(uint32_t members) {
	uint32_t examples = EXAMPLES * members / 2;
	if (examples < EXAMPLES_LEAST)
		return EXAMPLES_LEAST;
	return examples < EXAMPLES_MOST ? examples : EXAMPLES_MOST;
}

static void practise_step(
	const struct replay *replay, struct perceptron *perceptron, uint32_t examples) {
	struct perceptron_gradients gradients = { .labels = 0 };
	uint64_t drawn = perceptron->steps * EXAMPLES_MOST;
	for (uint32_t i = 0; i < examples; i++) {
		float inputs[PERCEPTRON_INPUTS], labels[PERCEPTRON_OUTPUTS];
		uint32_t example = (uint32_t)(random_bits(drawn + i) % replay->count);
		replay_read(replay, example, inputs, labels);
		perceptron_add_example(perceptron, &gradients, inputs, labels);
	}
	perceptron_step(perceptron, &gradients);
}

void replay_practise(const struct replay *replay, struct perceptron *perceptron, uint32_t members) {
	if (replay->count < PRACTICE_FIRST)
		return;
	if (perceptron->steps == 0)
		perceptron_begin(perceptron);
	for (int step = 0; step < STEPS; step++)
		practise_step(replay, perceptron, examples_of(members));
}
