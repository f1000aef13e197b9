/* SPDX-License-Identifier: Apache-2.0 */
#include "group_private.h"

#include "crc32c.h"
#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Seats of a new neighbourhood; doubled as they are taken. */
#define ROOM_FIRST 8

/* Counts up whenever the meaning of a neighbourhood's bytes changes. */
#define STATE_VERSION 4

struct state_header {
	char magic[4];
	uint32_t version;
	uint32_t check; /* of everything behind it */
	uint32_t reserved;
	char group[GROUP_NAME_MAX + 1];
	char channel[NAME_MAX_LENGTH + 8];
	uint64_t length; /* of the neighbourhood */
};

static const char magic[4] = { 'X', 'L', 'S', 'N' };

static void drop(struct hood *hood) {
	free(hood->candidates);
	free(hood->bytes);
	free(hood);
}

void groups_finish(struct groups *groups) {
	while (groups->first) {
		struct hood *hood = groups->first;
		groups->first = hood->next;
		drop(hood);
	}
	links_finish(&groups->links);
	free(groups->seats);
	free(groups->taken);
	*groups = (struct groups){ 0 };
}

static bool matches(const struct hood *hood, const struct group_key *key) {
	return hood->open.head->horizon == key->horizon &&
	       span_equal(span_text(hood->group), key->group) &&
	       span_equal(span_text(hood->channel), key->channel);
}

/* Bytes for a neighbourhood, with that much room. */
static int lay_out(uint32_t room, uint32_t horizon, void **ret_bytes, size_t *ret_size) {
	size_t size = neighbourhood_size(room, horizon);
	void *bytes = calloc(1, size);
	if (!bytes)
		return -ENOMEM;
	neighbourhood_init(bytes, room, horizon);
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}

static struct hood *find_hood(const struct groups *groups, uint32_t id) {
	struct hood *hood = groups->first;
	while (hood && hood->id != id)
		hood = hood->next;
	return hood;
}

static uint32_t next_id(const struct groups *groups) {
	uint32_t last = 0;
	for (const struct hood *hood = groups->first; hood; hood = hood->next)
		last = hood->id;
	return last + 1;
}

static void insert(struct groups *groups, struct hood *hood, uint32_t id) {
	struct hood **at = &groups->first;
	while (*at && (*at)->id < id)
		at = &(*at)->next;
	hood->id = id;
	hood->whole = hood;
	hood->next = *at;
	*at = hood;
	groups->memory += hood->size;
}

static int add_hood(struct groups *groups, const struct group_key *key, uint32_t id, uint32_t room,
	struct hood **ret_hood) {
	struct hood *hood = calloc(1, sizeof(*hood));
	if (!hood)
		return -ENOMEM;
	int r = lay_out(room, key->horizon, &hood->bytes, &hood->size);
	if (r < 0) {
		free(hood);
		return r;
	}
	neighbourhood_open(&hood->open, hood->bytes);
	memcpy(hood->group, key->group.data, key->group.length);
	memcpy(hood->channel, key->channel.data, key->channel.length);
	insert(groups, hood, id);
	*ret_hood = hood;
	return 0;
}

static int grow(struct groups *groups, struct hood *hood) {
	struct neighbourhood larger;
	const struct neighbourhood_head *head = hood->open.head;
	void *bytes;
	size_t size;
	int r = lay_out(2 * head->room, head->horizon, &bytes, &size);
	if (r < 0)
		return r;
	neighbourhood_open(&larger, bytes);
	neighbourhood_copy(&larger, &hood->open);
	free(hood->bytes);
	groups->memory += size - hood->size;
	hood->bytes = bytes;
	hood->size = size;
	neighbourhood_open(&hood->open, bytes);
	hood->open.candidates = hood->candidates;
	return 0;
}

/* Keeps the centre of a neighbourhood. */
static void count_place(struct hood *hood, const struct board_seat *seat, int sign) {
	if (isnan(seat->x))
		return;
	hood->sum.x += sign * seat->x;
	hood->sum.y += sign * seat->y;
	hood->sum.z += sign * seat->z;
	hood->placed += (uint32_t)sign;
}

static void note_change(struct groups *groups, struct hood *hood) {
	hood->changed = true;
	hood->unlinked = true;
	groups->changes++;
}

static void leave(struct hood *hood, uint32_t seat) {
	count_place(hood, &hood->open.seats[seat], -1);
	neighbourhood_leave(&hood->open, seat);
}

/* Both have to be saved together. */
static void note_split(struct groups *groups, struct hood *hood, struct hood *other) {
	other->whole = hood->whole;
	other->whole->halves++;
	groups->halves++;
	note_change(groups, hood);
	note_change(groups, other);
}

/* Half of the members go to a neighbourhood of their own, which begins with what they have learned
 * so far. */
static int split(struct groups *groups, struct hood *hood, uint32_t id, struct hood **ret_other) {
	struct group_key key = { span_text(hood->group), span_text(hood->channel),
		hood->open.head->horizon };
	bool leaves[NEIGHBOURHOOD_MAX];
	struct hood *other;
	int r = add_hood(groups, &key, id, hood->open.head->room, &other);
	if (r < 0)
		return r;

	neighbourhood_copy(&other->open, &hood->open);
	other->sum = hood->sum;
	other->placed = hood->placed;
	partition_choose(&hood->open, leaves);
	note_split(groups, hood, other);
	for (uint32_t i = 0; i < hood->open.head->count; i++) {
		uint32_t series = hood->open.seats[i].series;
		leave(leaves[i] ? hood : other, i);
		if (leaves[i] && series)
			groups->seats[series].hood = &other->open;
	}
	*ret_other = other;
	return 0;
}

/* How far away a neighbourhood is; nobody knows where those without positions are. */
static double distance_to(const struct hood *hood, const struct place *place) {
	if (!place_is_known(place) || hood->placed == 0)
		return HUGE_VAL;
	double n = hood->placed;
	struct place centre = { hood->sum.x / n, hood->sum.y / n, hood->sum.z / n };
	return place_distance(&centre, place);
}

/* The neighbourhood of the group that is closest; of equally close ones, the one with the fewest members. */
static struct hood *closest(
	const struct groups *groups, const struct group_key *key, const struct place *place) {
	struct hood *best = NULL;
	double least = HUGE_VAL;
	for (struct hood *hood = groups->first; hood; hood = hood->next) {
		if (!matches(hood, key))
			continue;
		double distance = distance_to(hood, place);
		if (best &&
			(distance > least || (distance == least && hood->open.head->count >=
									   best->open.head->count)))
			continue;
		best = hood;
		least = distance;
	}
	return best;
}

static bool must_split(const struct hood *hood) {
	return neighbourhood_is_full(&hood->open) && hood->open.head->room == NEIGHBOURHOOD_MAX;
}

/* Where a series belongs, by what the group looks like now. */
static struct seat_taken choose_seat(const struct groups *groups, const struct group_key *key,
	uint32_t series, const struct place *place) {
	const struct hood *hood = closest(groups, key, place);
	uint32_t next = next_id(groups);
	return (struct seat_taken){ .series = series,
		.neighbourhood = hood ? hood->id : next,
		.half = hood && must_split(hood) ? next : 0,
		.place = *place };
}

/* Whether a seat that was noted once can be taken like this. */
static bool is_possible(
	const struct groups *groups, const struct group_key *key, const struct seat_taken *taken) {
	const struct hood *hood = find_hood(groups, taken->neighbourhood);
	if (!hood)
		return taken->neighbourhood > 0;
	bool splits = must_split(hood);
	return matches(hood, key) &&
	       (!splits || (taken->half > 0 && !find_hood(groups, taken->half)));
}

/* The half of a full neighbourhood that is closer. */
static int split_for(struct groups *groups, const struct seat_taken *taken, struct hood **hood) {
	struct hood *other;
	int r = split(groups, *hood, taken->half, &other);
	if (r == 0 && distance_to(other, &taken->place) < distance_to(*hood, &taken->place))
		*hood = other;
	return r;
}

/* The neighbourhood, with a free seat. */
static int find_room(struct groups *groups, const struct group_key *key,
	const struct seat_taken *taken, struct hood **ret_hood) {
	*ret_hood = find_hood(groups, taken->neighbourhood);
	if (!*ret_hood)
		return add_hood(groups, key, taken->neighbourhood, ROOM_FIRST, ret_hood);
	if (must_split(*ret_hood))
		return split_for(groups, taken, ret_hood);
	return neighbourhood_is_full(&(*ret_hood)->open) ? grow(groups, *ret_hood) : 0;
}

static int reserve_seat(struct groups *groups, uint32_t series) {
	if (series < groups->seats_room)
		return 0;
	size_t room = series + 1 + series / 2;
	struct near_seat *seats = realloc(groups->seats, room * sizeof(*seats));
	if (!seats)
		return -ENOMEM;
	for (size_t i = groups->seats_room; i < room; i++)
		seats[i] = (struct near_seat){ 0 };
	groups->seats = seats;
	groups->seats_room = room;
	return 0;
}

struct hood *hood_of(const struct near_seat *seat) {
	return (struct hood *)seat->hood;
}

static void set_place(struct near_seat *seat, const struct place *place) {
	struct hood *hood = hood_of(seat);
	struct board_seat *at = &hood->open.seats[seat->seat];
	count_place(hood, at, -1);
	at->x = place->x;
	at->y = place->y;
	at->z = place->z;
	count_place(hood, at, 1);
}

struct place groups_place(const struct groups *groups, uint32_t series) {
	struct near_seat at = groups_seat(groups, series);
	if (!at.hood)
		return PLACE_UNKNOWN;
	const struct board_seat *seat = &at.hood->seats[at.seat];
	return (struct place){ seat->x, seat->y, seat->z };
}

struct near_seat groups_seat(const struct groups *groups, uint32_t series) {
	return series < groups->seats_room ? groups->seats[series] : (struct near_seat){ 0 };
}

static int reserve_taken(struct groups *groups) {
	if (groups->taken_count < groups->taken_room)
		return 0;
	size_t room = 2 * groups->taken_room + 1;
	struct seat_taken *taken = realloc(groups->taken, room * sizeof(*taken));
	if (!taken)
		return -ENOMEM;
	groups->taken = taken;
	groups->taken_room = room;
	return 0;
}

struct span groups_taken(const struct groups *groups) {
	return span_of(groups->taken, groups->taken_count * sizeof(*groups->taken));
}

void groups_forget_taken(struct groups *groups) {
	groups->taken_count = 0;
}

/* Gives a series that sits nowhere its seat, and notes it. */
static int take_seat(
	struct groups *groups, const struct group_key *key, const struct seat_taken *taken) {
	struct near_seat *seat = &groups->seats[taken->series];
	struct hood *hood;
	int r = reserve_taken(groups);
	if (r == 0)
		r = find_room(groups, key, taken, &hood);
	if (r < 0)
		return r;
	seat->hood = &hood->open;
	seat->seat = neighbourhood_sit(&hood->open, taken->series);
	note_change(groups, hood);
	set_place(seat, &taken->place);
	groups->taken[groups->taken_count++] = *taken;
	return 0;
}

/* Leaves the seat of another group. 1: the series has one among those; 0: it has none, and there is room to note where it
 * sits; -ENOMEM. */
static int keep_seat(struct groups *groups, const struct group_key *key, uint32_t series) {
	int r = reserve_seat(groups, series);
	if (r == 0 && groups->seats[series].hood && !matches(hood_of(&groups->seats[series]), key))
		groups_leave(groups, series);
	return r < 0 ? r : groups->seats[series].hood != NULL;
}

int groups_join(struct groups *groups, const struct group_key *key, uint32_t series,
	const struct place *place) {
	int seated = keep_seat(groups, key, series);
	if (seated)
		return seated < 0 ? seated : 0;
	struct seat_taken taken = choose_seat(groups, key, series, place);
	return take_seat(groups, key, &taken);
}

int groups_join_again(
	struct groups *groups, const struct group_key *key, const struct seat_taken *taken) {
	int seated = keep_seat(groups, key, taken->series);
	if (seated)
		return seated < 0 ? seated : 0;
	return is_possible(groups, key, taken)
		       ? take_seat(groups, key, taken)
		       : groups_join(groups, key, taken->series, &taken->place);
}

int groups_move(struct groups *groups, const struct group_key *key, uint32_t series,
	const struct place *place) {
	struct near_seat *seat = series < groups->seats_room ? &groups->seats[series] : NULL;
	if (!seat || !seat->hood)
		return 0;
	note_change(groups, hood_of(seat));
	set_place(seat, place);
	bool stays = !place_is_known(place) || closest(groups, key, place) == hood_of(seat);
	if (stays && matches(hood_of(seat), key))
		return 0;
	groups_leave(groups, series);
	int r = groups_join(groups, key, series, place);
	return r < 0 ? r : 1;
}

bool groups_is_in(const struct groups *groups, const struct group_key *key, uint32_t series) {
	struct near_seat seat = groups_seat(groups, series);
	return !seat.hood || matches(hood_of(&seat), key);
}

int groups_limit(struct groups *groups, uint32_t series) {
	groups->relinked = true;
	return links_limit(&groups->links, series);
}

int groups_link(struct groups *groups, uint32_t a, uint32_t b) {
	groups->relinked = true;
	return links_add(&groups->links, a, b);
}

void groups_unlink_all(struct groups *groups) {
	groups->relinked = true;
	links_finish(&groups->links);
}

void groups_leave(struct groups *groups, uint32_t series) {
	if (series >= groups->seats_room || !groups->seats[series].hood)
		return;
	struct near_seat *seat = &groups->seats[series];
	leave(hood_of(seat), seat->seat);
	note_change(groups, hood_of(seat));
	*seat = (struct near_seat){ 0 };
}

static struct hood *hood_at(const struct groups *groups, size_t index) {
	struct hood *hood = groups->first;
	while (hood && index-- > 0)
		hood = hood->next;
	return hood;
}

size_t groups_count(const struct groups *groups) {
	size_t count = 0;
	for (const struct hood *hood = groups->first; hood; hood = hood->next)
		count++;
	return count;
}

uint32_t groups_id(const struct groups *groups, size_t index) {
	const struct hood *hood = hood_at(groups, index);
	return hood ? hood->id : 0;
}

size_t groups_size(const struct groups *groups, size_t index) {
	const struct hood *hood = hood_at(groups, index);
	return hood ? sizeof(struct state_header) + hood->size : 0;
}

/* The check sum of what follows it in a saved neighbourhood. */
static uint32_t check_of(const void *bytes, size_t size) {
	size_t from = offsetof(struct state_header, reserved);
	return crc32c(0, (const unsigned char *)bytes + from, size - from);
}

void groups_save(const struct groups *groups, size_t index, void *to) {
	const struct hood *hood = hood_at(groups, index);
	struct state_header header = { .version = STATE_VERSION, .length = hood->size };
	memcpy(header.magic, magic, sizeof(magic));
	memcpy(header.group, hood->group, sizeof(hood->group));
	memcpy(header.channel, hood->channel, sizeof(hood->channel));
	memcpy(to, &header, sizeof(header));
	memcpy((unsigned char *)to + sizeof(header), hood->bytes, hood->size);
	header.check = check_of(to, sizeof(header) + hood->size);
	memcpy(to, &header, sizeof(header));
}

static int read_header(struct state_header *header, const void *from, size_t size) {
	if (size < sizeof(*header))
		return E_CORRUPT;
	memcpy(header, from, sizeof(*header));
	if (memcmp(header->magic, magic, sizeof(magic)) != 0)
		return E_CORRUPT;
	if (header->version != STATE_VERSION)
		return E_VERSION;
	if (header->check != check_of(from, size) || header->length != size - sizeof(*header) ||
		header->group[GROUP_NAME_MAX] || header->channel[NAME_MAX_LENGTH])
		return E_CORRUPT;
	return 0;
}

/* Seats for the members of a neighbourhood that was loaded. */
static int take_seats(struct groups *groups, struct hood *loaded) {
	struct neighbourhood *hood = &loaded->open;
	for (uint32_t i = 0; i < hood->head->count; i++) {
		uint32_t series = hood->seats[i].series;
		int r = reserve_seat(groups, series);
		if (r < 0)
			return r;
		if (series && groups->seats[series].hood)
			return E_MISMATCH;
	}
	for (uint32_t i = 0; i < hood->head->count; i++) {
		if (hood->seats[i].series == 0)
			continue;
		groups->seats[hood->seats[i].series] = (struct near_seat){ hood, i };
		count_place(loaded, &hood->seats[i], 1);
	}
	return 0;
}

int groups_load(struct groups *groups, uint32_t id, const void *from, size_t size) {
	struct state_header header;
	int r = find_hood(groups, id) ? E_MISMATCH : read_header(&header, from, size);
	if (r < 0)
		return r;
	struct hood *hood = calloc(1, sizeof(*hood));
	void *bytes = malloc(header.length);
	if (!hood || !bytes) {
		free(bytes);
		free(hood);
		return -ENOMEM;
	}

	memcpy(bytes, (const unsigned char *)from + sizeof(header), header.length);
	hood->bytes = bytes;
	hood->size = header.length;
	memcpy(hood->group, header.group, sizeof(hood->group));
	memcpy(hood->channel, header.channel, sizeof(hood->channel));
	r = neighbourhood_is_sound(bytes, header.length) ? 0 : E_CORRUPT;
	if (r == 0) {
		neighbourhood_open(&hood->open, bytes);
		r = take_seats(groups, hood);
	}
	if (r < 0) {
		drop(hood);
		return r;
	}
	insert(groups, hood, id);
	groups->changes++;
	return 0;
}
