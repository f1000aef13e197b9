/* SPDX-License-Identifier: Apache-2.0 */
#include "neighbourhood.h"

#include "choice.h"
#include "timestamp.h"

#include <math.h>
#include <string.h>

_Static_assert(NEIGHBOURHOOD_MAX == 64 * CANDIDATE_WORDS, "a bit for each seat");

const uint32_t near_lags[NEAR_LAGS] = { 0, 1, 2, 5 };

/* Slots learned from before anybody looks at neighbours, and slots between two choices of them. */
#define SLOTS_FIRST  24
#define SLOTS_BEFORE 72

/* Slots without anybody after which a neighbourhood takes over another step. */
#define SLOTS_ABANDONED 72

static size_t aligned(size_t bytes) {
	return (bytes + 63) & ~(size_t)63;
}

static size_t matrix_size(uint32_t room) {
	return aligned((size_t)room * room * sizeof(float));
}

static size_t loadings_size(uint32_t room) {
	return aligned((size_t)room * PICTURE_RANK * sizeof(float));
}

size_t neighbourhood_size(uint32_t room, uint32_t horizon) {
	return aligned(sizeof(struct neighbourhood_head)) +
	       aligned(room * sizeof(struct board_seat)) + 2 * matrix_size(room) +
	       loadings_size(room) + aligned(pool_size(neighbourhood_pool_leads(horizon))) +
	       aligned(sizeof(struct perceptron)) + aligned(replay_size(room));
}

void neighbourhood_init(void *bytes, uint32_t room, uint32_t horizon) {
	struct neighbourhood_head *head = bytes;
	*head = (struct neighbourhood_head){ .room = room, .horizon = horizon, .slot = SLOT_NONE };
}

void neighbourhood_open(struct neighbourhood *hood, void *bytes) {
	unsigned char *at = bytes;
	const struct neighbourhood_head *head = bytes;
	*hood = (struct neighbourhood){ .head = bytes, .scored_slot = SLOT_NONE };
	at += aligned(sizeof(*head));
	hood->seats = (struct board_seat *)(void *)at;
	at += aligned(head->room * sizeof(struct board_seat));
	hood->levels = (float *)(void *)at;
	at += matrix_size(head->room);
	hood->changes = (float *)(void *)at;
	at += matrix_size(head->room);
	hood->loadings = (float *)(void *)at;
	at += loadings_size(head->room);
	hood->pool = at;
	at += aligned(pool_size(neighbourhood_pool_leads(head->horizon)));
	hood->perceptron = (struct perceptron *)(void *)at;
	at += aligned(sizeof(struct perceptron));
	hood->replay = (struct replay *)(void *)at;
}

/* Numbers of series count up from 1; a table of all of them has to fit in memory. */
#define SERIES_MAX (1u << 24)

/* Of times that a clock can have, so that sums with a few more are numbers, too. */
static bool is_slot(int64_t slot) {
	return slot == SLOT_NONE || (slot >= 0 && slot <= TIME_MAX_MS);
}

/* Room begins small and is doubled. */
static bool is_room(uint32_t room) {
	return room > 0 && room <= NEIGHBOURHOOD_MAX && NEIGHBOURHOOD_MAX % room == 0;
}

static bool head_is_sound(const struct neighbourhood_head *head) {
	return is_room(head->room) && head->count <= head->room && head->horizon > 0 &&
	       head->step_ms >= 0 && head->step_ms <= TIME_MAX_MS && is_slot(head->slot);
}

static bool seat_is_sound(const struct board_seat *seat, uint32_t room) {
	for (int k = 0; k < NEAREST; k++)
		if (seat->nearest[k] >= room)
			return false;
	return seat->series <= SERIES_MAX && is_slot(seat->slot);
}

/* Nobody sits twice. */
static bool seats_are_sound(const struct neighbourhood *hood) {
	const struct board_seat *seats = hood->seats;
	for (uint32_t i = 0; i < hood->head->room; i++) {
		if (!seat_is_sound(&seats[i], hood->head->room))
			return false;
		for (uint32_t j = 0; j < i && seats[i].series; j++)
			if (seats[j].series == seats[i].series)
				return false;
	}
	return true;
}

bool neighbourhood_is_sound(void *bytes, size_t size) {
	const struct neighbourhood_head *head = bytes;
	struct neighbourhood hood;
	if (size < sizeof(*head) || !head_is_sound(head) ||
		size != neighbourhood_size(head->room, head->horizon))
		return false;
	neighbourhood_open(&hood, bytes);
	return seats_are_sound(&hood) && replay_is_sound(hood.replay, head->room);
}

static void copy_matrix(float *to, uint32_t to_room, const float *from, uint32_t from_room) {
	for (uint32_t i = 0; i < from_room; i++)
		memcpy(to + (size_t)i * to_room, from + (size_t)i * from_room,
			from_room * sizeof(float));
}

void neighbourhood_copy(struct neighbourhood *to, const struct neighbourhood *from) {
	uint32_t room = from->head->room, more = to->head->room;
	*to->head = *from->head;
	to->head->room = more;
	memcpy(to->seats, from->seats, room * sizeof(*to->seats));
	if (from->head->counted == 0)
		return; /* nothing has been learned: the rest is zero, as the fresh bytes are */
	copy_matrix(to->levels, more, from->levels, room);
	copy_matrix(to->changes, more, from->changes, room);
	memcpy(to->loadings, from->loadings, room * PICTURE_RANK * sizeof(float));
	memcpy(to->pool, from->pool, pool_size(neighbourhood_pool_leads(from->head->horizon)));
	*to->perceptron = *from->perceptron;
	replay_copy(to->replay, from->replay);
}

static uint32_t find_seat(const struct neighbourhood *hood, uint32_t series) {
	uint32_t seat = 0;
	while (seat < hood->head->count && hood->seats[seat].series != series)
		seat++;
	return seat;
}

bool neighbourhood_is_full(const struct neighbourhood *hood) {
	const struct neighbourhood_head *head = hood->head;
	return head->count == head->room && find_seat(hood, 0) == head->count;
}

uint32_t neighbourhood_sit(struct neighbourhood *hood, uint32_t series) {
	struct neighbourhood_head *head = hood->head;
	uint32_t seat = find_seat(hood, series);
	if (seat < head->count)
		return seat;
	seat = find_seat(hood, 0);
	if (seat == head->count)
		head->count++;
	board_seat_take(&hood->seats[seat], series);
	return seat;
}

void neighbourhood_leave(struct neighbourhood *hood, uint32_t seat) {
	board_seat_take(&hood->seats[seat], 0);
	if (hood->head->counted == 0)
		return;
	moments_forget(hood->levels, hood->head->room, seat);
	moments_forget(hood->changes, hood->head->room, seat);
	memset(hood->loadings + (size_t)seat * PICTURE_RANK, 0, PICTURE_RANK * sizeof(float));
}

static int64_t slot_of(const struct moment *at) {
	return at->time_ms / at->step_ms;
}

/* Whether the member keeps the neighbourhood's step, which is that of whoever came first; one that
 * nobody keeps any more gives way. */
static bool keeps_step(struct neighbourhood_head *head, const struct moment *at) {
	if (head->step_ms == at->step_ms)
		return true;
	bool abandoned =
		head->step_ms == 0 || at->time_ms / head->step_ms > head->slot + SLOTS_ABANDONED;
	if (abandoned) {
		head->step_ms = at->step_ms;
		head->slot = SLOT_NONE;
	}
	return abandoned;
}

bool neighbourhood_post(struct neighbourhood *hood, uint32_t seat, const struct moment *at,
	double value, double mean, double scale) {
	if (!keeps_step(hood->head, at))
		return false;
	board_post(&hood->seats[seat], slot_of(at), value, mean, scale);
	hood->scored_slot = SLOT_NONE;
	return true;
}

/* Adds what a slot has brought to the moments. */
static void count_slot(struct neighbourhood *hood, int64_t slot) {
	const struct neighbourhood_head *head = hood->head;
	float levels[NEIGHBOURHOOD_MAX] = { 0 }, changes[NEIGHBOURHOOD_MAX] = { 0 };
	for (uint32_t i = 0; i < head->count; i++) {
		double now, then;
		if (!board_exact(&hood->seats[i], slot, &now))
			continue;
		levels[i] = (float)now;
		if (board_exact(&hood->seats[i], slot - CHANGE_SPAN, &then))
			changes[i] = (float)(now - then);
	}
	moments_add(hood->levels, head->room, head->count, levels);
	moments_add(hood->changes, head->room, head->count, changes);
}

static bool choice_is_due(const struct neighbourhood_head *head) {
	uint64_t wait = head->chosen + SLOTS_FIRST < SLOTS_BEFORE ? SLOTS_FIRST : SLOTS_BEFORE;
	return head->counted >= head->chosen + wait;
}

static void finish_slot(struct neighbourhood *hood, int64_t slot) {
	struct neighbourhood_head *head = hood->head;
	count_slot(hood, slot);
	picture_follow(hood->loadings, hood->levels, head->room, head->count, hood->work);
	pool_forget(hood->pool, neighbourhood_pool_leads(head->horizon));
	head->counted++;
	if (!choice_is_due(head))
		return;
	choose_nearest(hood->seats, hood->candidates, hood->changes, head->room, head->count, slot);
	head->chosen = head->counted;
}

void neighbourhood_advance(struct neighbourhood *hood, const struct moment *at) {
	struct neighbourhood_head *head = hood->head;
	if (head->step_ms != at->step_ms || slot_of(at) <= head->slot)
		return;
	int64_t slot = slot_of(at), from = head->slot == SLOT_NONE ? slot : head->slot;
	if (from < slot - (BOARD_DEPTH - CHANGE_SPAN - 1))
		from = slot - (BOARD_DEPTH - CHANGE_SPAN - 1);
	for (; from < slot; from++)
		finish_slot(hood, from);
	pool_solve(hood->pool, neighbourhood_pool_leads(head->horizon));
	replay_practise(hood->replay, hood->perceptron, head->count);
	head->slot = slot;
}

/* What a member told last, at a slot or the one before; and its weight, 0: nothing. */
static const float *told_last(const struct board_seat *seat, int64_t slot, double *ret_weight) {
	const float *told = board_told(seat, slot);
	*ret_weight = told ? 1 : 0.5;
	return told ? told : board_told(seat, slot - 1);
}

/* The picture's scores of what the members told. */
static void score_told(struct neighbourhood *hood, int64_t slot) {
	struct picture_sums sums[BOARD_TOLD] = { 0 };
	for (uint32_t i = 0; i < hood->head->count; i++) {
		double weight;
		const float *told = told_last(&hood->seats[i], slot, &weight);
		for (int k = 0; k < BOARD_TOLD && told; k++)
			picture_see(&sums[k], hood->loadings + (size_t)i * PICTURE_RANK, weight,
				(double)told[k]);
	}
	for (int k = 0; k < BOARD_TOLD; k++)
		picture_scores(&sums[k], hood->told_scores[k]);
}

/* The picture's scores at a slot and before, over the members that are seen. */
static void score_picture(struct neighbourhood *hood, int64_t slot) {
	for (int lag = 0; lag < NEAR_LAGS; lag++) {
		struct picture_sums sums = { 0 };
		for (uint32_t i = 0; i < hood->head->count; i++) {
			double deviation;
			double weight =
				board_seen(&hood->seats[i], slot - near_lags[lag], &deviation);
			if (weight > 0)
				picture_see(&sums, hood->loadings + (size_t)i * PICTURE_RANK,
					weight, deviation);
		}
		picture_scores(&sums, hood->scores[lag]);
	}
	score_told(hood, slot);
	hood->scored_slot = slot;
}

/* Mean deviation of the nearest ones that are seen, own where none is. */
static double mean_of_nearest(
	const struct neighbourhood *hood, const struct board_seat *seat, int64_t slot, double own) {
	double sum = 0, total = 0;
	for (int k = 0; k < NEAREST; k++) {
		double deviation;
		double weight = seat->closeness[k] > 0 ? board_seen(&hood->seats[seat->nearest[k]],
								 slot, &deviation)
						       : 0;
		if (weight > 0)
			sum += weight * deviation;
		total += weight;
	}
	return total > 0 ? sum / total : own;
}

void neighbourhood_tell(struct neighbourhood *hood, uint32_t seat, const struct moment *at,
	const float numbers[BOARD_TOLD]) {
	if (hood->head->step_ms == at->step_ms)
		board_tell(&hood->seats[seat], slot_of(at), numbers);
}

/* Adds how what another member told differs from what this one did, in the last period in which both
 * have told anything; false if there is none. */
static bool add_difference(const struct board_seat *own, const struct board_seat *other,
	int64_t slot, float sums[BOARD_TOLD]) {
	for (int64_t age = 0; age <= 1; age++) {
		const float *mine = board_told(own, slot - age);
		const float *theirs = board_told(other, slot - age);
		if (!mine || !theirs)
			continue;
		for (int k = 0; k < BOARD_TOLD; k++)
			sums[k] += theirs[k] - mine[k];
		return true;
	}
	return false;
}

/* What the nearest ones told against what the member did, 0 where nothing is known. */
static void compare_nearest(const struct neighbourhood *hood, const struct board_seat *seat,
	int64_t slot, float differences[BOARD_TOLD]) {
	float count = 0;
	memset(differences, 0, BOARD_TOLD * sizeof(*differences));
	for (int k = 0; k < NEAREST; k++)
		if (seat->closeness[k] > 0)
			count += add_difference(
				seat, &hood->seats[seat->nearest[k]], slot, differences);
	for (int k = 0; k < BOARD_TOLD && count > 0; k++)
		differences[k] /= count;
}

void neighbourhood_look_told(const struct neighbourhood *hood, uint32_t seat,
	const struct moment *at, float nearest[BOARD_TOLD], float picture[BOARD_TOLD]) {
	const float *loading = hood->loadings + (size_t)seat * PICTURE_RANK;
	double weight;
	const float *own = told_last(&hood->seats[seat], slot_of(at), &weight);
	compare_nearest(hood, &hood->seats[seat], slot_of(at), nearest);
	for (int k = 0; k < BOARD_TOLD; k++) {
		double rebuilt = picture_rebuild(loading, hood->told_scores[k]);
		picture[k] = own ? (float)(rebuilt - (double)own[k]) : 0;
	}
}

bool neighbourhood_look(struct neighbourhood *hood, uint32_t seat, const struct moment *at,
	const double own[NEAR_LAGS], float seen[NEAR_SEEN]) {
	const struct neighbourhood_head *head = hood->head;
	if (head->step_ms != at->step_ms || head->chosen == 0)
		return false;
	int64_t slot = slot_of(at);
	if (hood->scored_slot != slot)
		score_picture(hood, slot);
	for (int lag = 0; lag < NEAR_LAGS; lag++) {
		double nearest =
			mean_of_nearest(hood, &hood->seats[seat], slot - near_lags[lag], own[lag]);
		double rebuilt = picture_rebuild(
			hood->loadings + (size_t)seat * PICTURE_RANK, hood->scores[lag]);
		seen[2 * lag] = (float)(nearest - own[lag]);
		seen[2 * lag + 1] = (float)(rebuilt - own[lag]);
	}
	float told[BOARD_TOLD];
	compare_nearest(hood, &hood->seats[seat], slot, told);
	memcpy(seen + 2 * NEAR_LAGS, told, BOARD_LEADS * sizeof(*told));
	return true;
}

uint32_t neighbourhood_nearest(
	const struct neighbourhood *hood, uint32_t seat, uint32_t rank, double *ret_correlation) {
	const struct board_seat *own = &hood->seats[seat];
	if (rank >= NEAREST || own->closeness[rank] <= 0)
		return 0;
	*ret_correlation = (double)own->closeness[rank];
	return hood->seats[own->nearest[rank]].series;
}

uint32_t neighbourhood_companions(const struct neighbourhood *hood, uint32_t seat,
	const struct moment *at, struct companion *to) {
	const struct board_seat *own = &hood->seats[seat];
	uint32_t count = 0;
	if (hood->head->step_ms != at->step_ms)
		return 0;
	for (int k = 0; k < NEAREST && own->closeness[k] > 0; k++) {
		const struct board_seat *other = &hood->seats[own->nearest[k]];
		double deviation;
		if (board_seen(other, slot_of(at), &deviation) == 0)
			continue;
		to[count++] = (struct companion){ .series = other->series,
			.distance = 1 - (double)own->closeness[k],
			.age = fmax(0, (double)(slot_of(at) - 1 - other->slot)) };
	}
	return count;
}
