/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's side of learning: ticks go to the learner of the weights they stepped with, attempts
 * and verdicts come from it. */
#include "detector.h"
#include "engine_private.h"
#include "error.h"

#include <errno.h>

/* Above this an observation lies outside the range that was predicted for it. */
#define ANOMALY_LIMIT 1.0

int engine_learning_create(struct engine *engine) {
	const struct engine_options *options = &engine->options;
	if (!options->model || !options->learning.enabled)
		return 0;
	return learner_create(&engine->shared, &options->learning, options->model);
}

void engine_learning_destroy(struct engine *engine) {
	study_destroy(engine->study);
	learner_destroy(engine->shared);
	classroom_destroy(engine->classroom);
}

/* The options of a detector's own learner. Its chance differs from every other's. */
static struct learning_options own_options(
	const struct engine *engine, const struct detector *detector) {
	struct learning_options options = engine->options.learning;
	options.memory = options.memory_own;
	options.seed += (uint64_t)detector_id(detector) << 32;
	return options;
}

void member_learning_destroy(struct engine *engine, struct member *member) {
	if (!member->own)
		return;
	struct member **link = &engine->owners;
	while (*link != member)
		link = &(*link)->next_owner;
	*link = member->next_owner;
	engine->memory -= learner_bytes(&member->own->options, member->own->champion);
	learner_destroy(member->own);
	member->own = NULL;
}

struct xlstm_model *member_model(const struct engine *engine, const struct member *member) {
	return member->own ? member->own->champion : engine->options.model;
}

void engine_learning_expect(struct engine *engine, struct member *member) {
	if (engine->shared)
		learner_expect(engine->shared, engine->series);
	if (member->own)
		learner_expect(member->own, member->forecaster.channels);
}

/* Who learns from a member; NULL: nobody. */
static struct learner *learner_of(const struct engine *engine, const struct member *member) {
	return member->own ? member->own : engine->shared;
}

static bool learns(const struct engine *engine, const struct member *member) {
	return engine->options.learning.enabled && !engine->paused && !member->flagged;
}

void engine_learning_take(struct engine *engine, const struct batch_item *item, uint32_t channel) {
	const struct member *member = engine_member(engine, item->detector);
	struct learner *learner = member ? learner_of(engine, member) : NULL;
	const struct outlook *outlook = &item->outlooks[channel];
	if (!learner || !learns(engine, member))
		return;
	struct row row = row_open(item->forecaster.layout, item->forecaster.rows[channel]);
	if (!row_has_network(&row))
		return;
	struct learner_tick tick = {
		.series = detector_channel_series(item->detector, channel),
		.tick = { .time_ms = item->tick.time_ms,
			.value = outlook->observed,
			.sound = !(outlook->anomaly > ANOMALY_LIMIT) },
		.step_ms = item->forecaster.step_ms,
		.network = outlook->settled.network,
		.closed = outlook->settled.closed,
	};
	learner_take(learner, &row, &tick);
}

/* The first learner with an attempt that is due. After that one it has to wait, so that all get their
 * turn. */
static struct study *find_study(struct engine *engine) {
	struct study *study = engine->shared ? learner_begin(engine->shared) : NULL;
	struct member *owner = NULL;
	while (!study) {
		owner = owner ? owner->next_owner : engine->owners;
		if (!owner)
			return NULL;
		study = learner_begin(owner->own);
	}
	engine->studying = owner;
	return study;
}

struct study *engine_study(struct engine *engine) {
	if (engine->study || engine->paused || !engine->options.learning.enabled ||
		!engine->options.model)
		return NULL;
	struct study *study = find_study(engine);
	if (!study)
		return NULL;
	if (!engine->classroom)
		(void)classroom_create(&engine->classroom, engine->options.model);
	study->classroom = engine->classroom;
	engine->study = study;
	return study;
}

/* Steps go on with what a learner now holds for the best. */
static void take_over(struct engine *engine, struct verdict *verdict, struct member *member) {
	verdict->detector = member ? member->detector : NULL;
	if (member || engine->options.model == engine->shared->champion)
		return;
	xlstm_model_unref(engine->options.model);
	engine->options.model = xlstm_model_ref(engine->shared->champion);
}

void engine_conclude(struct engine *engine, struct study *study, struct verdict *ret_verdict) {
	struct member *member = engine->studying;
	struct learner *learner = member ? member->own : engine->shared;
	engine->study = NULL;
	engine->studying = NULL;
	learner_conclude(learner, study, ret_verdict);
	take_over(engine, ret_verdict, member);
}

bool engine_review(struct engine *engine, struct verdict *ret_verdict) {
	struct member *owner = NULL;
	bool undone = engine->shared && learner_review(engine->shared, ret_verdict);
	while (!undone) {
		owner = owner ? owner->next_owner : engine->owners;
		if (!owner)
			return false;
		undone = learner_review(owner->own, ret_verdict);
	}
	take_over(engine, ret_verdict, owner);
	return true;
}

size_t engine_lessons(const struct engine *engine) {
	size_t lessons = engine->shared ? memory_count(&engine->shared->memory) : 0;
	for (const struct member *m = engine->owners; m; m = m->next_owner)
		lessons += memory_count(&m->own->memory);
	return lessons;
}

/* Lessons under way would have a hole. */
static void forget_lessons(struct engine *engine, const struct member *member) {
	struct learner *learner = learner_of(engine, member);
	for (uint32_t c = 0; learner && c < member->forecaster.channels; c++)
		learner_forget(learner, detector_channel_series(member->detector, c));
}

void engine_pause(struct engine *engine, bool paused) {
	engine->paused = paused;
	for (size_t i = 0; i < engine->members_room && paused; i++)
		if (engine->members[i])
			forget_lessons(engine, engine->members[i]);
}

bool engine_is_paused(const struct engine *engine) {
	return engine->paused;
}

int engine_flag(struct engine *engine, const struct detector *detector, bool flagged) {
	struct member *member = engine_member(engine, detector);
	if (!member)
		return E_NOT_FOUND;
	member->flagged = flagged;
	if (flagged)
		forget_lessons(engine, member);
	return 0;
}

int engine_own(struct engine *engine, const struct detector *detector) {
	struct member *member = engine_member(engine, detector);
	struct xlstm_model *model = engine->options.model;
	if (!member)
		return E_NOT_FOUND;
	if (!model)
		return E_MISMATCH;
	if (member->own)
		return 0;

	struct learning_options options = own_options(engine, detector);
	size_t bytes = learner_bytes(&options, model);
	if (engine->options.memory_max && engine->memory + bytes > engine->options.memory_max)
		return E_TOO_MANY_SERIES;
	int r = learner_create(&member->own, &options, model);
	if (r < 0)
		return r;
	member->next_owner = engine->owners;
	engine->owners = member;
	engine->memory += bytes;
	engine_learning_expect(engine, member);
	return 0;
}

struct xlstm_model *engine_model(const struct engine *engine, const struct detector *detector) {
	if (!detector)
		return engine->options.model;
	const struct member *member = engine_member(engine, detector);
	return member && member->own ? member->own->champion : NULL;
}

/* The shared weights, where nobody learns. */
static int replace_shared(struct engine *engine, struct xlstm_model *model) {
	if (engine->shared)
		learner_replace(engine->shared, model);
	xlstm_model_unref(engine->options.model);
	engine->options.model = xlstm_model_ref(model);
	return 0;
}

int engine_adopt(
	struct engine *engine, const struct detector *detector, struct xlstm_model *model) {
	struct member *member = detector ? engine_member(engine, detector) : NULL;
	if (!engine_fits(engine, model))
		return E_MISMATCH;
	if (!detector)
		return replace_shared(engine, model);
	if (!member || !member->own)
		return E_NOT_FOUND;
	learner_replace(member->own, model);
	return 0;
}
