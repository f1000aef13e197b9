/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CAPACITY 64 /* a power of two */

/* A slot is free while its key has no data; an empty key gets some. */
struct slot {
	struct span key;
	uint32_t hash;
	uint32_t value;
};

struct table {
	struct slot *slots;
	size_t capacity; /* a power of two, at most three quarters in use */
	size_t count;
	uint64_t seed[2];
};

static uint64_t rotate(uint64_t x, int bits) {
	return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4]) {
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* SipHash-1-3. */
static uint64_t sip_hash(const uint64_t seed[2], struct span key) {
	uint64_t v[4] = { seed[0] ^ UINT64_C(0x736f6d6570736575),
		seed[1] ^ UINT64_C(0x646f72616e646f6d), seed[0] ^ UINT64_C(0x6c7967656e657261),
		seed[1] ^ UINT64_C(0x7465646279746573) };
	size_t whole = key.length / 8 * 8;
	uint64_t word;

	for (size_t i = 0; i < whole; i += 8) {
		memcpy(&word, key.data + i, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}

	word = (uint64_t)key.length << 56;
	for (size_t i = whole; i < key.length; i++)
		word |= (uint64_t)(unsigned char)key.data[i] << (8 * (i - whole));
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;

	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

int table_create(struct table **ret_table, uint64_t seed) {
	struct table *table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;

	table->slots = calloc(FIRST_CAPACITY, sizeof(*table->slots));
	if (!table->slots) {
		free(table);
		return -ENOMEM;
	}
	table->capacity = FIRST_CAPACITY;
	table->seed[0] = seed;
	table->seed[1] = ~seed;
	*ret_table = table;
	return 0;
}

void table_destroy(struct table *table) {
	if (!table)
		return;
	free(table->slots);
	free(table);
}

/* The slot that holds the key, or the free one where it belongs. */
static struct slot *find_slot(struct slot *slots, size_t capacity, struct span key, uint32_t hash) {
	size_t at = hash & (capacity - 1);

	while (slots[at].key.data && (slots[at].hash != hash || !span_equal(slots[at].key, key)))
		at = (at + 1) & (capacity - 1);
	return &slots[at];
}

int table_find(const struct table *table, struct span key, uint32_t *ret_value) {
	uint32_t hash = (uint32_t)sip_hash(table->seed, key);
	const struct slot *slot = find_slot(table->slots, table->capacity, key, hash);

	if (!slot->key.data)
		return 0;
	*ret_value = slot->value;
	return 1;
}

static int table_grow(struct table *table) {
	size_t capacity = table->capacity * 2;
	struct slot *slots = calloc(capacity, sizeof(*slots));
	if (!slots)
		return -ENOMEM;

	for (size_t i = 0; i < table->capacity; i++) {
		const struct slot *old = &table->slots[i];
		if (old->key.data)
			*find_slot(slots, capacity, old->key, old->hash) = *old;
	}
	free(table->slots);
	table->slots = slots;
	table->capacity = capacity;
	return 0;
}

int table_put(struct table *table, struct span key, uint32_t value) {
	if (!key.data)
		key = SPAN("");
	if (table->count >= table->capacity / 4 * 3) {
		int r = table_grow(table);
		if (r < 0)
			return r;
	}

	uint32_t hash = (uint32_t)sip_hash(table->seed, key);
	struct slot *slot = find_slot(table->slots, table->capacity, key, hash);
	if (!slot->key.data)
		table->count++;
	*slot = (struct slot){ key, hash, value };
	return 0;
}

size_t table_count(const struct table *table) {
	return table->count;
}
