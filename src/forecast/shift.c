/* SPDX-License-Identifier: Apache-2.0 */
#include "shift.h"

#include <math.h>

/* Values that the usual deviation remembers, and seasons before there is one. */
#define MEMORY  1000.0F
#define SEASONS 2

/* Usual deviations that a value may lie off without being evidence, and that one value counts for at
 * most. */
#define SLACK  4.0F
#define STRONG 20.0F

/* Evidence that a new level takes, and how many times that of any run before; that fades by a tick. */
#define ENOUGH    16.0F
#define OUTSTANDS 2.0F
#define FADING    1e-4F

/* Part of the new level that the first value must have brought, and variance within it at most, in
 * squared usual deviations (where those are of a normal distribution, its variance is pi / 2 of them). */
#define ABRUPT 0.5F
#define UNEVEN 6.0F

/* Seasons within which a new level may go back, and how exactly it must. */
#define BACK_SEASONS 2
#define BACK_EXACTLY 0.5F

static void note_usual(struct shift_watch *watch, float deviation) {
	watch->seen += watch->seen < UINT32_MAX;
	float rate = fmaxf(1 / (float)watch->seen, 1 / MEMORY);
	watch->usual += rate * (fabsf(deviation) - watch->usual);
	watch->known *= 1 - FADING;
}

static void forget_run(struct shift_watch *watch) {
	watch->run = (struct shift_run){ 0 };
}

static void end_run(struct shift_watch *watch) {
	watch->known = fmaxf(watch->known, watch->run.most);
	forget_run(watch);
}

static void begin_run(struct shift_watch *watch, float deviation) {
	watch->run.side = deviation > 0 ? 1 : -1;
	watch->run.rise = deviation - watch->last;
}

/* Counts a deviation. A run ends where nothing speaks for it any more, or something for the other side. */
static void follow(struct shift_watch *watch, uint32_t passed, float deviation) {
	struct shift_run *run = &watch->run;
	float strength = watch->usual > 0 ? deviation / watch->usual : 0;
	if (run->side * strength < -SLACK)
		end_run(watch);
	if (run->values == 0)
		begin_run(watch, deviation);
	run->evidence += fminf(run->side * strength, STRONG) - SLACK;
	if (run->evidence <= 0) {
		end_run(watch);
		return;
	}
	run->lasted += run->values ? passed : 1;
	run->values++;
	run->sum += deviation;
	run->squares += deviation * deviation;
	run->most = fmaxf(run->most, run->evidence);
}

static float mean_of(const struct shift_run *run) {
	return run->sum / (float)run->values;
}

static bool has_lasted(const struct shift_run *run, uint32_t day) {
	return (float)run->values >= fmaxf(SHIFT_LEAST, (float)day / 4);
}

static bool is_level(const struct shift_watch *watch, uint32_t day) {
	const struct shift_run *run = &watch->run;
	if (!has_lasted(run, day))
		return false;
	float n = (float)run->values, mean = mean_of(run);
	return run->evidence > fmaxf(ENOUGH, OUTSTANDS * watch->known) &&
	       run->lasted <= fmaxf(SHIFT_MOST, (float)day) && run->rise / mean >= ABRUPT &&
	       run->squares / n - mean * mean <= UNEVEN * watch->usual * watch->usual;
}

/* From now on the past is taken for moved. */
static struct shift accept(struct shift_watch *watch) {
	float jump = mean_of(&watch->run);
	struct shift shift = { watch->run.lasted, (double)jump };
	watch->last -= jump;
	watch->jump = jump;
	watch->evidence = watch->run.evidence;
	watch->since = watch->seen;
	forget_run(watch);
	return shift;
}

/* Whether the newest level has gone back to the one before. */
static bool goes_back(const struct shift_watch *watch, uint32_t day) {
	const struct shift_run *run = &watch->run;
	return watch->jump != 0 && watch->seen - watch->since <= BACK_SEASONS * watch->season &&
	       has_lasted(run, day) &&
	       fabsf(mean_of(run) + watch->jump) <= BACK_EXACTLY * fabsf(watch->jump);
}

/* So it was none, but a run like others. */
static struct shift take_back(struct shift_watch *watch) {
	struct shift shift = { watch->run.lasted, -(double)watch->jump };
	watch->last += watch->jump;
	watch->known = fmaxf(watch->known, watch->evidence);
	watch->jump = 0;
	forget_run(watch);
	return shift;
}

bool shift_look(struct shift_watch *watch, uint32_t season, uint32_t day, uint64_t passed,
	double deviation, struct shift *ret_shift) {
	if (watch->season != season)
		*watch = (struct shift_watch){ .season = season };
	note_usual(watch, (float)deviation);
	follow(watch, (uint32_t)passed, (float)deviation);
	watch->last = (float)deviation;
	if (goes_back(watch, day)) {
		*ret_shift = take_back(watch);
		return true;
	}
	if (watch->seen <= SEASONS * season || !is_level(watch, day))
		return false;
	*ret_shift = accept(watch);
	return true;
}
