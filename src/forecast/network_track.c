/* SPDX-License-Identifier: Apache-2.0 */
#include "network_track.h"

#include <math.h>
#include <string.h>

const uint16_t network_leads[NETWORK_LEADS] = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128,
	192, 256, 384, 512 };

/* The network was trained with these; they are part of what its inputs mean. */
#define ERROR_RATE    (1.0 / 512)
#define FAST_RATE     0.3
#define MIDDLE_RATE   0.05
#define LEVEL_RATE    (1.0 / 256)
#define RESIDUAL_RATE 0.1
#define CHANGE_RATE   0.2
#define FLAT_RATE     0.02
#define RANGE_RATE    0.002
#define PROFILE_RATE  0.15
#define PRIOR_SHARE   0.05
#define PRIOR_WEIGHT  0.05
#define GROWTH        0.4

uint32_t track_leads(uint32_t horizon) {
	uint32_t count = GRID_64 + 1;
	while (count < NETWORK_LEADS && network_leads[count - 1] < horizon)
		count++;
	return count;
}

/* Whether there is room for the profile of a season. */
static bool has_profile(const struct track_view *view, uint32_t m) {
	return view->profile_room == 0 || m <= view->profile_room;
}

static double profile_at(const struct track_view *view, uint64_t phase) {
	if (view->profile_brief)
		return view->history->base + (double)view->profile_brief[phase];
	return view->profile[phase];
}

static void set_profile(const struct track_view *view, uint64_t phase, double value) {
	if (view->profile_brief)
		view->profile_brief[phase] = (float)(value - view->history->base);
	else
		view->profile[phase] = value;
}

/* filled[t - k] while tick t is being taken in. */
static double filled_before(const struct track_view *view, uint64_t t, uint64_t k) {
	if (view->history)
		return history_back(view->history, view->past, view->length, k);
	return view->filled[(t - k) & (view->length - 1)];
}

static void forget_season1(const struct track_view *view, uint32_t m1) {
	struct track *track = view->track;
	if (has_profile(view, m1))
		memset(view->visits, 0, m1 * sizeof(*view->visits));
	track->anchors[TRACK_SEASON1] = track->anchors[TRACK_PROFILE] = (struct track_error){ 0 };
	track->d1 = track->dp = track->residual = 0;
}

void track_set_seasons(const struct track_view *view, uint32_t m1, uint32_t m2) {
	struct track *track = view->track;
	if (track->m1 == m1 && track->m2 == m2)
		return;
	if (track->m1 != m1)
		forget_season1(view, m1);
	if (track->m2 != m2) {
		track->anchors[TRACK_SEASON2] = (struct track_error){ 0 };
		track->d2 = 0;
	}
	track->m1 = m1;
	track->m2 = m2;
	track->awake = track->ticks;
}

static void move(double *a, double rate, double b) {
	*a += rate * (b - *a);
}

/* What the seasons say of the tick that is being taken in, its own value where they say nothing. */
struct expectation {
	double b1, b2, expected;
	bool ok1, ok2, okp;
};

static struct expectation expect(const struct track_view *view, uint64_t t, double value) {
	const struct track *track = view->track;
	struct expectation e = { .b1 = value, .b2 = value, .expected = value };
	bool known = t >= track->awake;
	e.ok1 = track->m1 > 0 && known && t >= track->m1;
	e.ok2 = track->m2 > 0 && known && t >= track->m2;
	e.okp = track->m1 > 0 && known && has_profile(view, track->m1) &&
		view->visits[t % track->m1] > 0;
	if (e.ok1)
		e.b1 = filled_before(view, t, track->m1);
	if (e.ok2)
		e.b2 = filled_before(view, t, track->m2);
	if (e.okp)
		e.expected = profile_at(view, t % track->m1);
	return e;
}

static void count_error(struct track_error *pair, double error) {
	pair->sum = (1 - ERROR_RATE) * pair->sum + fabs(error);
	pair->mass = (1 - ERROR_RATE) * pair->mass + 1;
}

static void score_anchors(
	const struct track_view *view, uint64_t t, double value, const struct expectation *e) {
	struct track *track = view->track;
	for (uint32_t i = 0; i < view->leads && network_leads[i] <= t; i++)
		count_error(&track->leads[i], value - filled_before(view, t, network_leads[i]));
	count_error(&track->anchors[TRACK_LEVEL], value - track->level);
	if (e->ok1)
		count_error(&track->anchors[TRACK_SEASON1], value - e->b1);
	if (e->okp)
		count_error(&track->anchors[TRACK_PROFILE], value - e->expected);
	if (e->ok2)
		count_error(&track->anchors[TRACK_SEASON2], value - e->b2);
}

static void move_levels(struct track *track, uint64_t t, double value) {
	double young = 1 / track->number, slow = LEVEL_RATE;
	if (track->m1 > 0 && t >= track->awake)
		slow = fmin(fmax(1 / (2.0 * track->m1), 1.0 / 1024), 1.0 / 32);
	move(&track->level, fmax(young, slow), value);
	move(&track->fast, fmax(young, FAST_RATE), value);
	move(&track->middle, fmax(young, MIDDLE_RATE), value);
	move(&track->size, fmax(young, ERROR_RATE), fabs(value));
}

static void move_changes(struct track *track) {
	if (track->number <= 1)
		return;
	double young = 1 / (track->number - 1);
	move(&track->fast_change, fmax(young, CHANGE_RATE), fabs(track->step));
	move(&track->flat, fmax(young, FLAT_RATE), track->step == 0);
}

static void learn_profile(const struct track_view *view, uint64_t t, double value) {
	const struct track *track = view->track;
	if (track->m1 == 0 || t < track->awake || !has_profile(view, track->m1))
		return;
	uint32_t phase = (uint32_t)(t % track->m1);
	uint8_t *visits = &view->visits[phase];
	double expected = *visits ? profile_at(view, phase) : 0;
	*visits += *visits < UINT8_MAX;
	move(&expected, fmax(1.0 / *visits, PROFILE_RATE), value);
	set_profile(view, phase, expected);
}

/* The steps of a tick that has a reading. */
static void observe(
	const struct track_view *view, uint64_t t, double value, const struct expectation *e) {
	struct track *track = view->track;
	if (t == 0) {
		track->last = track->low = track->high = value;
		track->level = track->fast = track->middle = value;
	} else {
		score_anchors(view, t, value, e);
	}
	track->step = value - track->last;
	track->number++;
	track->age = 0;
	track->d1 = value - e->b1;
	track->dp = value - e->expected;
	track->d2 = value - e->b2;
	move_levels(track, t, value);
	if (e->okp)
		move(&track->residual, RESIDUAL_RATE, value - e->expected);
	move_changes(track);
	track->last = value;
	learn_profile(view, t, value);
}

static double in_use(const struct track_error *pair, double prior, double weight, double floor) {
	return fmax(floor, (pair->sum + weight * prior) / (pair->mass + weight));
}

static void use_errors(struct track *track) {
	double floor = track->floor = 1e-6 * track->size + 1e-12;
	track->e[0] = in_use(&track->leads[0], PRIOR_SHARE * track->size, PRIOR_WEIGHT, floor);
	for (int i = 1; i < NETWORK_LEADS; i++) {
		double growth = pow((double)network_leads[i] / network_leads[i - 1], GROWTH);
		track->e[i] = in_use(&track->leads[i], track->e[i - 1] * growth, 1, floor);
	}
	track->v = in_use(&track->anchors[TRACK_LEVEL], track->e[GRID_4], 1, floor);
	track->es1 = in_use(&track->anchors[TRACK_SEASON1], track->v, 1, floor);
	track->ep = in_use(&track->anchors[TRACK_PROFILE], track->es1, 1, floor);
	track->es2 = in_use(&track->anchors[TRACK_SEASON2], track->es1, 1, floor);
}

void track_copy_profile(const struct track_view *view, double *profile, uint8_t *visits) {
	uint32_t m1 = view->track->m1;
	bool kept = has_profile(view, m1);
	for (uint32_t phase = 0; phase < m1; phase++) {
		visits[phase] = kept ? view->visits[phase] : 0;
		profile[phase] = kept ? profile_at(view, phase) : 0;
	}
}

void track_rebase(const struct track_view *view, double before) {
	for (uint32_t i = 0; view->profile_brief && i < view->profile_room; i++)
		view->profile_brief[i] =
			(float)((double)view->profile_brief[i] + (before - view->history->base));
}

void track_step(const struct track_view *view, double value) {
	struct track *track = view->track;
	uint64_t t = track->ticks;
	bool seen = !isnan(value);
	if (!seen && t == 0)
		return;
	struct expectation e = expect(view, t, seen ? value : track->last);
	double filled = seen ? value : e.ok1 ? e.b1 : track->last;
	track->seen = seen;
	if (seen) {
		observe(view, t, value, &e);
	} else {
		track->age++;
		track->step = 0;
	}
	if (view->filled)
		view->filled[t & (view->length - 1)] = filled;
	track->ticks++;
	use_errors(track);
	if (seen) {
		track->low = fmin(value, track->low + RANGE_RATE * track->v);
		track->high = fmax(value, track->high - RANGE_RATE * track->v);
	}
}

static void move_past(const struct track_view *view, uint64_t ticks, double jump) {
	uint64_t taken = view->track->ticks;
	for (uint64_t k = ticks; view->filled && k < view->length && k < taken; k++)
		view->filled[(taken - 1 - k) & (view->length - 1)] += jump;
}

static void move_profile(const struct track_view *view, double jump) {
	for (uint32_t phase = 0; phase < view->track->m1; phase++)
		set_profile(view, phase, profile_at(view, phase) + jump);
}

void track_move(const struct track_view *view, uint64_t ticks, double jump) {
	struct track *track = view->track;
	move_past(view, ticks, jump);
	if (has_profile(view, track->m1))
		move_profile(view, jump);
	track->level += jump;
	track->d1 -= jump;
	track->dp -= jump;
	track->d2 -= jump;
	track->residual = 0;
}

/* How far back from t the newest tick at the phase of t + lead lies. */
static uint64_t phase_back(uint32_t m, uint32_t lead) {
	return (uint64_t)m * ((lead + m - 1) / m) - lead;
}

bool track_filled(const struct track_view *view, uint32_t m, uint32_t lead, double *ret_value) {
	if (!track_knows(view->track, m))
		return false;
	uint64_t back = phase_back(m, lead);
	if (back >= view->track->ticks)
		return false;
	*ret_value = track_back(view, back);
	return true;
}

bool track_profile(const struct track_view *view, uint32_t lead, double *ret_value) {
	const struct track *track = view->track;
	if (!track_knows(track, track->m1) || phase_back(track->m1, lead) >= track->ticks ||
		!has_profile(view, track->m1))
		return false;
	uint32_t phase = (uint32_t)((track->ticks - 1 + lead) % track->m1);
	*ret_value = profile_at(view, phase);
	return view->visits[phase] > 0;
}
