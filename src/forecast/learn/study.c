/* SPDX-License-Identifier: Apache-2.0 */
#include "study.h"

#include <errno.h>
#include <stdlib.h>

static void draw(struct study *study, struct memory *memory) {
	size_t wanted = (size_t)study->steps * STUDY_LESSONS;
	while (study->lesson_count < wanted) {
		struct shelved *drawn = memory_draw(memory);
		if (!drawn)
			break;
		study->lessons[study->lesson_count++] = drawn;
	}
}

struct study *study_create(
	struct memory *memory, struct xlstm_model *champion, uint32_t steps, double rate) {
	struct study *study = calloc(1, sizeof(*study));
	if (!study)
		return NULL;
	study->champion = xlstm_model_ref(champion);
	study->steps = steps < STUDY_STEPS_MAX ? steps : STUDY_STEPS_MAX;
	study->rate = rate;
	draw(study, memory);
	for (size_t i = 0; i < memory->exam.count; i++)
		study->exam[study->exam_count++] = shelved_hold(memory->exam.items[i]);
	return study;
}

void study_destroy(struct study *study) {
	if (!study)
		return;
	for (size_t i = 0; i < study->lesson_count; i++)
		shelved_release(study->lessons[i]);
	for (size_t i = 0; i < study->exam_count; i++)
		shelved_release(study->exam[i]);
	xlstm_model_unref(study->champion);
	xlstm_model_unref(study->challenger);
	free(study);
}

/* What a thread works with. */
struct work {
	struct study *study;
	study_beat_fn *beat;
	void *context;
};

static int go_on(const struct work *work) {
	return !work->beat || work->beat(work->context) ? 0 : -ECANCELED;
}

/* Adds the gradient of one step's lessons, a classroom at a time. */
static int teach(
	const struct work *work, const struct xlstm_model *model, struct shelved *const *lessons) {
	struct study *study = work->study;
	int r = 0;
	for (size_t from = 0; from < STUDY_LESSONS && r == 0; from += CLASSROOM_SEATS) {
		const struct lesson *seated[CLASSROOM_SEATS];
		double losses[CLASSROOM_SEATS];
		for (size_t i = 0; i < CLASSROOM_SEATS; i++)
			seated[i] = lessons[from + i]->lesson;
		r = classroom_teach(study->classroom, model, seated, CLASSROOM_SEATS,
			1.0 / STUDY_LESSONS, study->student->gradient, losses);
		if (r == 0)
			r = go_on(work);
	}
	return r;
}

static int learn(const struct work *work) {
	struct study *study = work->study;
	int r = 0;
	for (uint32_t step = 0; step < study->steps && r == 0; step++) {
		struct xlstm_model *model;
		r = xlstm_model_create(&model, study->student->weights);
		if (r < 0)
			return r;
		r = teach(work, model, study->lessons + (size_t)step * STUDY_LESSONS);
		xlstm_model_unref(model);
		if (r == 0)
			student_step(study->student, study->rate);
	}
	return r;
}

/* The champion's losses are known from earlier exams, but for new lessons. */
static bool is_known(const struct study *study, size_t i, uint64_t identity) {
	return study->exam[i]->judged == identity;
}

/* Marks a model in some of the exam's lessons, by their indices. */
static int examine_some(const struct work *work, const struct xlstm_model *model,
	const size_t *which, size_t count, double *to) {
	const struct lesson *lessons[CLASSROOM_SEATS] = { NULL };
	double losses[CLASSROOM_SEATS];
	for (size_t i = 0; i < count; i++)
		lessons[i] = work->study->exam[which[i]]->lesson;
	int r = classroom_examine(work->study->classroom, model, lessons, count, losses);
	for (size_t i = 0; r == 0 && i < count; i++)
		to[which[i]] = losses[i];
	return r == 0 ? go_on(work) : r;
}

/* Marks a model in all lessons of the exam whose loss is not known by the identity given. */
static int examine(
	const struct work *work, const struct xlstm_model *model, uint64_t known, double *to) {
	const struct study *study = work->study;
	size_t which[CLASSROOM_SEATS], count = 0;
	int r = 0;
	for (size_t i = 0; i < study->exam_count && r == 0; i++) {
		if (known && is_known(study, i, known)) {
			to[i] = study->exam[i]->loss;
			continue;
		}
		which[count++] = i;
		if (count == CLASSROOM_SEATS) {
			r = examine_some(work, model, which, count, to);
			count = 0;
		}
	}
	return r == 0 && count > 0 ? examine_some(work, model, which, count, to) : r;
}

void study_work(struct study *study, study_beat_fn *beat, void *context) {
	struct work work = { study, beat, context };
	study->result = study->classroom ? 0 : -ENOMEM;
	if (study->result == 0 && !study->student->weights)
		study->result = student_begin(study->student, study->champion);
	if (study->result == 0)
		study->result = learn(&work);
	if (study->result == 0)
		study->result = xlstm_model_create(&study->challenger, study->student->weights);
	if (study->result == 0)
		study->result = examine(&work, study->champion,
			xlstm_model_identity(study->champion), study->before);
	if (study->result == 0)
		study->result = examine(&work, study->challenger, 0, study->after);
}

/* Whether a lesson before this one is of the same series. */
static bool is_repeated(const struct study *study, size_t index) {
	for (size_t i = 0; i < index; i++)
		if (study->exam[i]->lesson->series == study->exam[index]->lesson->series)
			return true;
	return false;
}

struct study_result study_compare(const struct study *study) {
	struct study_result result = { 0 };
	double squares = 0;
	for (size_t i = 0; i < study->exam_count; i++) {
		double gain = study->before[i] - study->after[i];
		if (isnan(gain))
			continue;
		result.lessons++;
		result.series += !is_repeated(study, i);
		result.before += study->before[i];
		result.after += study->after[i];
		squares += gain * gain;
	}
	double n = (double)result.lessons;
	result.before /= n;
	result.after /= n;
	result.gain = result.before - result.after;
	result.error = sqrt((squares / n - result.gain * result.gain) / (n - 1));
	return result;
}
