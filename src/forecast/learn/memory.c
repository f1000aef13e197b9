/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* Of the bytes that the exam leaves, what recent lessons may take. */
#define RECENT_SHARE 0.5

void memory_init(struct memory *memory, size_t bytes_max, uint64_t seed) {
	*memory = (struct memory){ .bytes_max = bytes_max };
	random_init(&memory->random, seed);
}

struct shelved *shelved_hold(struct shelved *shelved) {
	shelved->uses++;
	return shelved;
}

void shelved_release(struct shelved *shelved) {
	if (--shelved->uses > 0)
		return;
	lesson_destroy(shelved->lesson);
	free(shelved);
}

static void shelf_finish(struct shelf *shelf) {
	for (size_t i = 0; i < shelf->count; i++)
		shelved_release(shelf->items[i]);
	free(shelf->items);
	*shelf = (struct shelf){ 0 };
}

void memory_finish(struct memory *memory) {
	shelf_finish(&memory->exam);
	shelf_finish(&memory->recent);
	shelf_finish(&memory->past);
}

/* Takes the lesson over; without memory it is lost. */
static void shelf_push(struct shelf *shelf, struct shelved *shelved) {
	if (shelf->count == shelf->room) {
		size_t room = shelf->room ? 2 * shelf->room : 64;
		struct shelved **items = realloc(shelf->items, room * sizeof(struct shelved *));
		if (!items) {
			shelved_release(shelved);
			return;
		}
		shelf->items = items;
		shelf->room = room;
	}
	shelf->items[shelf->count++] = shelved;
	shelf->bytes += shelved->lesson->bytes;
}

static struct shelved *shelf_take(struct shelf *shelf, size_t index) {
	struct shelved *taken = shelf->items[index];
	shelf->count--;
	shelf->bytes -= taken->lesson->bytes;
	memmove(shelf->items + index, shelf->items + index + 1,
		(shelf->count - index) * sizeof(struct shelved *));
	return taken;
}

static size_t pick(struct memory *memory, const struct shelf *shelf) {
	return (size_t)(random_uniform(&memory->random) * (double)shelf->count);
}

static size_t exam_bytes(const struct memory *memory) {
	return (size_t)(MEMORY_EXAM_SHARE * (double)memory->bytes_max);
}

static size_t recent_bytes(const struct memory *memory) {
	return (size_t)(RECENT_SHARE * (double)(memory->bytes_max - exam_bytes(memory)));
}

/* The n-th lesson to be offered finds a place with probability places / n. */
static void offer_to_past(struct memory *memory, struct shelved *shelved) {
	struct shelf *past = &memory->past;
	size_t bytes_max = memory->bytes_max - exam_bytes(memory) - recent_bytes(memory);
	bool fits = past->bytes + shelved->lesson->bytes <= bytes_max;
	double places = (double)past->count / (double)++memory->passed;
	if (!fits && random_uniform(&memory->random) >= places) {
		shelved_release(shelved);
		return;
	}
	while (past->count > 0 && past->bytes + shelved->lesson->bytes > bytes_max)
		shelved_release(shelf_take(past, pick(memory, past)));
	shelf_push(past, shelved);
}

void memory_add(struct memory *memory, struct lesson *lesson) {
	struct shelved *shelved = calloc(1, sizeof(*shelved));
	if (!shelved) {
		lesson_destroy(lesson);
		return;
	}
	*shelved = (struct shelved){ .lesson = lesson, .uses = 1 };
	bool exam = random_uniform(&memory->random) < MEMORY_EXAM_SHARE;
	shelf_push(exam ? &memory->exam : &memory->recent, shelved);
	while (memory->exam.count > MEMORY_EXAM_MOST || memory->exam.bytes > exam_bytes(memory))
		offer_to_past(memory, shelf_take(&memory->exam, 0));
	while (memory->recent.bytes > recent_bytes(memory))
		offer_to_past(memory, shelf_take(&memory->recent, 0));
}

struct shelved *memory_draw(struct memory *memory) {
	bool recent = memory->past.count == 0 || random_uniform(&memory->random) < 0.5;
	struct shelf *shelf = recent && memory->recent.count > 0 ? &memory->recent : &memory->past;
	return shelf->count > 0 ? shelved_hold(shelf->items[pick(memory, shelf)]) : NULL;
}
