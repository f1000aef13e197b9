/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_MEMORY_H
#define FORECAST_MEMORY_H

#include "lesson.h"
#include "random.h"

/*
 * The lessons that learning draws from, within a bound of bytes:
 *
 *   exam     the newest of a part of the lessons: held out, nothing is learned from them
 *   recent   the newest of the others
 *   past     of all that were recent or in the exam once, an even sample (Vitter 1985, algorithm R)
 *
 * Half of what is drawn is recent. Lessons are counted, because the train lane holds some of them
 * while the memory goes on; counts are touched by the memory's own thread alone.
 */
#define MEMORY_EXAM_SHARE 0.25 /* of new lessons, and of the bytes */
#define MEMORY_EXAM_MOST  48 /* lessons: an exam is paid for at every attempt */

/* Lessons in the order in which they came. */
struct shelf {
	struct shelved **items;
	size_t count, room;
	size_t bytes;
};

/* A lesson in a memory, or in use. */
struct shelved {
	struct lesson *lesson;
	uint32_t uses;
	/* The loss of a model in this lesson, for those of the exam. */
	uint64_t judged; /* identity of the model; 0: not yet */
	double loss;
};

struct memory {
	size_t bytes_max;
	struct shelf exam, recent, past;
	uint64_t passed; /* lessons that were offered to the past */
	struct random random;
};

void memory_init(struct memory *memory, size_t bytes_max, uint64_t seed);
void memory_finish(struct memory *memory);

/* Takes a complete lesson over. */
void memory_add(struct memory *memory, struct lesson *lesson);

/* One lesson to learn from, for the caller to release; NULL if there is none. */
struct shelved *memory_draw(struct memory *memory);

/* Holds a lesson, and lets go of it. */
struct shelved *shelved_hold(struct shelved *shelved);
void shelved_release(struct shelved *shelved);

/* Lessons to learn from. */
static inline size_t memory_count(const struct memory *memory) {
	return memory->recent.count + memory->past.count;
}

static inline size_t memory_bytes(const struct memory *memory) {
	return memory->exam.bytes + memory->recent.bytes + memory->past.bytes;
}

#endif
