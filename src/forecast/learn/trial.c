/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include <math.h>

/* The network's error may grow by this part, and by this many standard errors of the difference,
 * before the weights are taken back. */
#define GROWTH_MAX 0.02
#define ERRORS_MAX 2.5

void trial_score(struct trial *trial, double network, double closed) {
	trial->network += network;
	trial->closed += closed;
	trial->scored++;
}

static void mean_add(struct trial_mean *mean, double value) {
	mean->sum += value;
	mean->squares += value * value;
	mean->count++;
}

static double mean_of(const struct trial_mean *mean) {
	return mean->sum / mean->count;
}

/* Variance of one value. */
static double variance_of(const struct trial_mean *mean) {
	double n = mean->count, m = mean_of(mean);
	return n > 1 ? fmax(mean->squares - n * m * m, 0) / (n - 1) : 0;
}

/* Both sides' blocks vary alike: one variance from both. */
static bool is_worse(const struct trial *trial) {
	const struct trial_mean *a = &trial->reference, *b = &trial->after;
	double pooled = (variance_of(a) * (a->count - 1) + variance_of(b) * (b->count - 1)) /
			(a->count + b->count - 2);
	double error = sqrt(pooled * (1.0 / a->count + 1.0 / b->count));
	return mean_of(b) - mean_of(a) > fmax(GROWTH_MAX, ERRORS_MAX * error);
}

static enum trial_state judge(struct trial *trial, double block) {
	mean_add(&trial->after, block);
	if (trial->after.count < TRIAL_LEAST)
		return TRIAL_RUNNING;
	bool worse = trial->reference.count >= TRIAL_LEAST && is_worse(trial);
	if (!worse && trial->after.count < TRIAL_BLOCKS)
		return TRIAL_RUNNING;
	trial->running = false;
	return worse ? TRIAL_FAILED : TRIAL_PASSED;
}

bool trial_can_end_block(const struct trial *trial) {
	return trial->scored >= TRIAL_SCORED && trial->network > 0 && trial->closed > 0;
}

enum trial_state trial_end_block(struct trial *trial) {
	double block = log(trial->network / trial->closed);
	trial->network = trial->closed = 0;
	trial->scored = 0;
	if (trial->running && trial->waiting > 0) {
		trial->waiting--;
		return TRIAL_RUNNING;
	}
	trial->before[trial->blocks++ % TRIAL_BEFORE] = block;
	return trial->running ? judge(trial, block) : TRIAL_NONE;
}

void trial_begin(struct trial *trial, double waiting) {
	uint32_t known = trial->blocks < TRIAL_BEFORE ? trial->blocks : TRIAL_BEFORE;
	trial->running = true;
	trial->waiting = waiting;
	trial->reference = trial->after = (struct trial_mean){ 0 };
	for (uint32_t i = 0; i < known; i++)
		mean_add(&trial->reference, trial->before[i]);
}

double trial_before(const struct trial *trial) {
	return trial->reference.count ? mean_of(&trial->reference) : NAN;
}

double trial_after(const struct trial *trial) {
	return trial->after.count ? mean_of(&trial->after) : NAN;
}
