/* SPDX-License-Identifier: Apache-2.0 */
#include "learner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_MS (24.0 * 3600 * 1000)

/* Lessons to learn from, and held out, before there is a first attempt. */
#define LESSONS_LEAST 12
#define EXAM_LEAST    8

/* A challenger is better if it gains this part of the loss and so many standard errors of the paired
 * difference; it has lost its way, and starts over, if it is that much worse or was refused so many
 * times in a row. */
#define GAIN_LEAST  0.001
#define ERRORS      2.0
#define REFUSED_MAX 10

void learning_options_init(struct learning_options *options) {
	*options = (struct learning_options){
		.memory = 64u << 20,
		.memory_own = 2u << 20,
		.rate = 2e-4,
		.steps = 6,
		.every_ms = (int64_t)DAY_MS,
		.seed = 1,
	};
}

int learner_create(struct learner **ret_learner, const struct learning_options *options,
	struct xlstm_model *champion) {
	struct learner *learner = calloc(1, sizeof(*learner));
	if (!learner)
		return -ENOMEM;
	learner->options = *options;
	learner->champion = xlstm_model_ref(champion);
	memory_init(&learner->memory, options->memory, options->seed);
	recorder_init(&learner->recorder, options->seed + 1);
	*ret_learner = learner;
	return 0;
}

void learner_destroy(struct learner *learner) {
	if (!learner)
		return;
	memory_finish(&learner->memory);
	recorder_finish(&learner->recorder);
	student_finish(&learner->student);
	xlstm_model_unref(learner->champion);
	xlstm_model_unref(learner->previous);
	free(learner);
}

void learner_expect(struct learner *learner, size_t series) {
	recorder_expect(&learner->recorder, series);
}

void learner_forget(struct learner *learner, uint32_t series) {
	recorder_drop(&learner->recorder, series);
}

static void end_block(struct learner *learner) {
	enum trial_state state = trial_end_block(&learner->trial);
	if (state == TRIAL_PASSED) {
		xlstm_model_unref(learner->previous);
		learner->previous = NULL;
	}
	if (state == TRIAL_FAILED) {
		learner->failed = true;
		learner->before = trial_before(&learner->trial);
		learner->after = trial_after(&learner->trial);
	}
}

static double block_span(const struct learner *learner) {
	return (double)learner->options.every_ms / TRIAL_BLOCKS;
}

/* The data's clock goes on by one step of one of the series that are recorded. */
static void pass(struct learner *learner, const struct row *row, int64_t step_ms) {
	double share = (double)step_ms / learner->recorder.count;
	double reach = (double)step_ms * row->layout->horizon;
	learner->reach_ms = reach > learner->reach_ms ? reach : learner->reach_ms;
	learner->elapsed_ms += share;
	learner->block_ms += share;
	if (learner->block_ms < block_span(learner) || !trial_can_end_block(&learner->trial))
		return;
	learner->block_ms = 0;
	end_block(learner);
}

void learner_take(struct learner *learner, const struct row *row, const struct learner_tick *tick) {
	if (tick->closed > 0)
		trial_score(&learner->trial, tick->network, tick->closed);
	if (recorder_has(&learner->recorder, tick->series))
		pass(learner, row, tick->step_ms);
	struct lesson *complete = recorder_take(&learner->recorder, row, tick->series, &tick->tick,
		xlstm_state_size(learner->champion));
	if (complete)
		memory_add(&learner->memory, complete);
}

static bool is_due(const struct learner *learner) {
	return !learner->studying && !learner->trial.running && !learner->failed &&
	       learner->elapsed_ms >= (double)learner->options.every_ms &&
	       memory_count(&learner->memory) >= LESSONS_LEAST &&
	       learner->memory.exam.count >= EXAM_LEAST;
}

static uint32_t steps_due(const struct learner *learner) {
	double steps = learner->options.steps * learner->elapsed_ms / DAY_MS;
	return (uint32_t)fmax(fmin(round(steps), STUDY_STEPS_MAX), 1);
}

struct study *learner_begin(struct learner *learner) {
	if (!is_due(learner))
		return NULL;
	struct study *study = study_create(
		&learner->memory, learner->champion, steps_due(learner), learner->options.rate);
	if (!study)
		return NULL;
	study->student = &learner->student;
	learner->studying = true;
	learner->elapsed_ms = 0;
	return study;
}

/* The champion's losses need not be computed again. */
static void remember_losses(const struct study *study) {
	uint64_t identity = xlstm_model_identity(study->champion);
	for (size_t i = 0; i < study->exam_count; i++) {
		study->exam[i]->judged = identity;
		study->exam[i]->loss = study->before[i];
	}
}

static void adopt(struct learner *learner, struct xlstm_model *model) {
	xlstm_model_unref(learner->previous);
	learner->previous = learner->champion;
	learner->champion = xlstm_model_ref(model);
	learner->refused = 0;
	trial_begin(&learner->trial, ceil(learner->reach_ms / block_span(learner)));
}

static void start_over(struct learner *learner) {
	student_finish(&learner->student);
	learner->refused = 0;
}

static enum verdict_kind decide(const struct study_result *result) {
	double margin = fmax(GAIN_LEAST * result->before, ERRORS * result->error);
	return result->lessons >= EXAM_LEAST && result->gain > margin ? VERDICT_ADOPTED
								      : VERDICT_REFUSED;
}

static void explain(struct verdict *verdict, const struct study_result *result) {
	double change = 100 * result->gain / result->before;
	double errors = result->gain / result->error;
	const char *what = verdict->kind == VERDICT_ADOPTED ? "better"
			   : result->gain > 0               ? "no more than noise: better"
							    : "worse";
	snprintf(verdict->reason, sizeof(verdict->reason), "%s by %.2f%%, %.1f standard errors",
		what, fabs(change), fabs(errors));
}

static void refuse(struct learner *learner, const struct study_result *result) {
	bool lost = !(result->gain > -ERRORS * result->error);
	if (lost || ++learner->refused >= REFUSED_MAX)
		start_over(learner);
}

static void compare(struct learner *learner, const struct study *study, struct verdict *verdict) {
	struct study_result result = study_compare(study);
	remember_losses(study);
	verdict->kind = decide(&result);
	verdict->exam_lessons = (uint32_t)result.lessons;
	verdict->exam_series = (uint32_t)result.series;
	verdict->loss_before = result.before;
	verdict->loss_after = result.after;
	explain(verdict, &result);
	if (verdict->kind == VERDICT_ADOPTED)
		adopt(learner, study->challenger);
	else
		refuse(learner, &result);
}

static void give_up(struct learner *learner, const struct study *study, struct verdict *verdict) {
	const char *reason = learner->outdated             ? "other weights are in use by now"
			     : study->result == -ECANCELED ? "interrupted"
							   : "out of memory";
	snprintf(verdict->reason, sizeof(verdict->reason), "%s", reason);
	learner->outdated = false;
	start_over(learner);
}

void learner_conclude(struct learner *learner, struct study *study, struct verdict *ret_verdict) {
	*ret_verdict = (struct verdict){
		.kind = VERDICT_REFUSED,
		.before = xlstm_model_ref(study->champion),
		.after = study->challenger ? xlstm_model_ref(study->challenger) : NULL,
		.steps = study->steps,
		.lessons = (uint32_t)study->lesson_count,
		.loss_before = NAN,
		.loss_after = NAN,
	};
	learner->studying = false;
	if (study->result < 0 || learner->outdated) {
		give_up(learner, study, ret_verdict);
	} else {
		compare(learner, study, ret_verdict);
	}
	study_destroy(study);
}

bool learner_review(struct learner *learner, struct verdict *ret_verdict) {
	if (!learner->failed || learner->studying)
		return false;
	*ret_verdict = (struct verdict){
		.kind = VERDICT_UNDONE,
		.before = learner->champion,
		.after = xlstm_model_ref(learner->previous),
		.loss_before = exp(learner->before),
		.loss_after = exp(learner->after),
	};
	snprintf(ret_verdict->reason, sizeof(ret_verdict->reason),
		"live error over the closed mix's grew by %.1f%%",
		100 * (exp(learner->after - learner->before) - 1));
	learner->champion = learner->previous;
	learner->previous = NULL;
	learner->failed = false;
	start_over(learner);
	return true;
}

void learner_replace(struct learner *learner, struct xlstm_model *champion) {
	xlstm_model_unref(learner->champion);
	xlstm_model_unref(learner->previous);
	learner->champion = xlstm_model_ref(champion);
	learner->previous = NULL;
	learner->failed = false;
	learner->trial = (struct trial){ 0 };
	learner->outdated = learner->studying;
	if (!learner->studying)
		start_over(learner);
}

void verdict_finish(struct verdict *verdict) {
	xlstm_model_unref(verdict->before);
	xlstm_model_unref(verdict->after);
	*verdict = (struct verdict){ 0 };
}

/* Weights, gradient and two moments of the student; the weights of the champion and its packed
 * form. */
#define COPIES_OF_WEIGHTS 6

static size_t weights_bytes(const struct xlstm_weights *weights) {
	size_t bytes = 0;
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++)
		bytes += xlstm_tensor_at(weights, i).count * sizeof(float);
	return bytes;
}

size_t learner_bytes(const struct learning_options *options, const struct xlstm_model *champion) {
	return options->memory + COPIES_OF_WEIGHTS * weights_bytes(xlstm_model_weights(champion));
}
