/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_STUDY_H
#define FORECAST_STUDY_H

#include "learning.h"
#include "memory.h"
#include "student.h"

/*
 * One attempt to learn: the student takes a few steps on lessons that were drawn for it, then it and
 * the model that is in use, the champion, are examined in lessons that neither has learned from.
 * While it runs, the study, the student and the classroom belong to the thread that runs it.
 */
#define STUDY_STEPS_MAX 24

/* Lessons of one step. */
#define STUDY_LESSONS (4 * CLASSROOM_SEATS)

struct study {
	struct xlstm_model *champion; /* counted */
	struct student *student; /* borrowed, as is the next */
	struct classroom *classroom;
	double rate;
	uint32_t steps;
	size_t lesson_count;
	struct shelved *lessons[STUDY_STEPS_MAX * STUDY_LESSONS];
	size_t exam_count;
	struct shelved *exam[MEMORY_EXAM_MOST];
	/* What comes out. */
	int result; /* 0, -ENOMEM or -ECANCELED */
	struct xlstm_model *challenger; /* counted; NULL: there is none */
	double before[MEMORY_EXAM_MOST], after[MEMORY_EXAM_MOST];
};

/* Draws lessons for the steps and holds the exam's. NULL without memory. */
struct study *study_create(
	struct memory *memory, struct xlstm_model *champion, uint32_t steps, double rate);
void study_destroy(struct study *study);

/* The examined lessons' mean losses and what speaks for the challenger. */
struct study_result {
	size_t lessons; /* in which both were marked */
	size_t series; /* of these */
	double before, after;
	double gain; /* mean of before less after */
	double error; /* standard error of that */
};

struct study_result study_compare(const struct study *study);

#endif
