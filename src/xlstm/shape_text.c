/* SPDX-License-Identifier: Apache-2.0 */
#include "shape_text.h"

#include "json_whole.h"

#include "xlstm/error.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

/* Numbers and words of a structure. Where there are words, value 0 has none. */
struct field {
	const char *name;
	size_t at;
	const char *const *words; /* by value; NULL: a number */
	uint32_t word_count;
};

#define WORDS(list) list, sizeof(list) / sizeof((list)[0])

static const char *const kinds[] = {
	[XLSTM_SLSTM] = "slstm",
	[XLSTM_MLSTM] = "mlstm",
	[XLSTM_FEEDFORWARD] = "feedforward",
};

static const char *const activations[] = { [XLSTM_SILU] = "silu" };
static const char *const memories[] = { [XLSTM_BFLOAT16_MEMORY] = "bfloat16" };
static const char *const arrangements[] = {
	[XLSTM_PRE_PROJECTION] = "pre",
	[XLSTM_POST_PROJECTION] = "post",
};
static const char *const input_gates[] = { [XLSTM_LOGISTIC_GATE] = "logistic" };
static const char *const norms[] = { [XLSTM_RMS_NORM] = "rms" };

static const char *const pools[] = {
	[XLSTM_MEAN_POOL] = "mean",
	[XLSTM_INVERSE_POOL] = "inverse",
	[XLSTM_ATTENTION_POOL] = "attention",
};

#define SHAPE(field) #field, offsetof(struct xlstm_shape, field)
#define BLOCK(field) #field, offsetof(struct xlstm_block_shape, field)

/* clang-format off */
static const struct field shape_fields[] = {
	{ SHAPE(inputs), NULL, 0 },
	{ SHAPE(width), NULL, 0 },
	{ SHAPE(outputs), NULL, 0 },
	{ SHAPE(plain_end), NULL, 0 },
	{ SHAPE(norm), WORDS(norms) },
	{ SHAPE(memory), WORDS(memories) },
	{ SHAPE(embed_hidden), NULL, 0 },
	{ SHAPE(head_hidden), NULL, 0 },
	{ SHAPE(output_cap), NULL, 0 },
	{ SHAPE(pool), WORDS(pools) },
	{ SHAPE(pool_keys), NULL, 0 },
};

static const struct field block_fields[] = {
	{ BLOCK(kind), WORDS(kinds) },
	{ BLOCK(heads), NULL, 0 },
	{ BLOCK(taps), NULL, 0 },
	{ BLOCK(inner), NULL, 0 },
	{ BLOCK(feedforward), NULL, 0 },
	{ BLOCK(activation), WORDS(activations) },
	{ BLOCK(arrangement), WORDS(arrangements) },
	{ BLOCK(keys), NULL, 0 },
	{ BLOCK(gate_cap), NULL, 0 },
	{ BLOCK(input_gate), WORDS(input_gates) },
};
/* clang-format on */

#define SHAPE_FIELDS (sizeof(shape_fields) / sizeof(shape_fields[0]))
#define BLOCK_FIELDS (sizeof(block_fields) / sizeof(block_fields[0]))

static_assert(sizeof(enum xlstm_block_kind) == sizeof(uint32_t), "fields are read as 32 bits");

static uint32_t get(const struct field *field, const void *structure) {
	uint32_t value;
	memcpy(&value, (const char *)structure + field->at, sizeof(value));
	return value;
}

static void set(const struct field *field, void *structure, uint32_t value) {
	memcpy((char *)structure + field->at, &value, sizeof(value));
}

static int write_fields(
	json_t *object, const struct field *fields, size_t count, const void *structure) {
	for (size_t i = 0; i < count; i++) {
		uint32_t value = get(&fields[i], structure);
		if (!value)
			continue;
		json_t *written =
			fields[i].words ? json_string(fields[i].words[value]) : json_integer(value);
		if (json_object_set_new(object, fields[i].name, written) < 0)
			return -1;
	}
	return 0;
}

static json_t *write_blocks(const struct xlstm_shape *shape) {
	json_t *blocks = json_array();
	for (uint32_t i = 0; blocks && i < shape->block_count; i++) {
		json_t *block = json_object();
		if (write_fields(block, block_fields, BLOCK_FIELDS, &shape->blocks[i]) < 0 ||
			json_array_append(blocks, block) < 0) {
			json_decref(blocks);
			blocks = NULL;
		}
		json_decref(block);
	}
	return blocks;
}

char *xlstm_shape_text(const struct xlstm_shape *shape) {
	json_t *object = json_object();
	char *text = NULL;
	if (write_fields(object, shape_fields, SHAPE_FIELDS, shape) == 0 &&
		json_object_set_new(object, "blocks", write_blocks(shape)) == 0)
		text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return text;
}

static int read_word(const struct field *field, const json_t *value, void *structure) {
	const char *text = json_string_value(value);
	for (uint32_t i = 1; text && i < field->word_count; i++)
		if (!strcmp(field->words[i], text)) {
			set(field, structure, i);
			return 0;
		}
	return XLSTM_E_METADATA;
}

static int read_number(const struct field *field, const json_t *value, void *structure) {
	json_int_t number = json_integer_value(value);
	if (!json_is_integer(value) || number < 0 || number > UINT32_MAX)
		return XLSTM_E_METADATA;
	set(field, structure, (uint32_t)number);
	return 0;
}

static int read_field(const struct field *fields, size_t count, const char *name,
	const json_t *value, void *structure) {
	for (size_t i = 0; i < count; i++) {
		if (strcmp(fields[i].name, name))
			continue;
		if (fields[i].words)
			return read_word(&fields[i], value, structure);
		return read_number(&fields[i], value, structure);
	}
	return XLSTM_E_METADATA;
}

static int read_blocks(struct xlstm_shape *shape, const json_t *blocks) {
	if (json_array_size(blocks) > XLSTM_BLOCKS_MAX)
		return XLSTM_E_BLOCKS;

	shape->block_count = (uint32_t)json_array_size(blocks);
	for (uint32_t i = 0; i < shape->block_count; i++) {
		json_t *block = json_array_get(blocks, i), *value;
		const char *name;
		if (!json_is_object(block))
			return XLSTM_E_METADATA;
		json_object_foreach(block, name, value) {
			int r = read_field(
				block_fields, BLOCK_FIELDS, name, value, &shape->blocks[i]);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int read_shape(struct xlstm_shape *shape, json_t *object) {
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) {
		int r = !strcmp(name, "blocks")
				? read_blocks(shape, value)
				: read_field(shape_fields, SHAPE_FIELDS, name, value, shape);
		if (r < 0)
			return r;
	}
	return 0;
}

int shape_read(struct xlstm_shape *ret_shape, const char *text) {
	struct xlstm_shape shape = { .width = 0 };
	json_t *object = NULL;
	json_error_t error;

	int r = json_read_whole(&object, text, strlen(text), &error);
	if (r == 0)
		r = json_is_object(object) ? read_shape(&shape, object) : XLSTM_E_METADATA;
	else if (r != -ENOMEM)
		r = XLSTM_E_METADATA;
	json_decref(object);
	if (r == 0)
		*ret_shape = shape;
	return r;
}
