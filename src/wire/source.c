/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include "error.h"
#include "name.h"
#include "source_private.h"

#include <errno.h>
#include <stdlib.h>

static int refuse(const char **ret_problem, const char *problem) {
	*ret_problem = problem;
	return E_CONFIG;
}

static int add_part(struct wire_source *source, struct name_part part, const char **ret_problem) {
	if (part.kind == NAME_LITERAL && part.text.length == 0)
		return 0;
	if (source->part_count == NAME_PARTS_MAX)
		return refuse(ret_problem, "a detector's name has too many parts");
	source->has_name_fields |= part.kind == NAME_FIELD;
	source->parts[source->part_count++] = part;
	return 0;
}

/* "{site}/{device}": text and placeholders of the topic; other placeholders are fields. */
static int compile_detector(
	struct wire_source *source, struct span text, const char **ret_problem) {
	struct span rest = text;

	while (rest.data) {
		struct span literal = span_cut(&rest, '{');
		int r = add_part(source, (struct name_part){ .text = literal }, ret_problem);
		if (r < 0)
			return r;
		if (!rest.data)
			break;

		struct span name = span_cut(&rest, '}');
		if (!rest.data || name.length == 0)
			return refuse(ret_problem, "a placeholder is written {name}");
		int level = topic_template_find(&source->topic, name);
		struct name_part part = { .kind = level >= 0 ? NAME_LEVEL : NAME_FIELD,
			.level = level >= 0 ? (size_t)level : 0,
			.text = name };
		r = add_part(source, part, ret_problem);
		if (r < 0)
			return r;
	}
	return 0;
}

/* {detector}, or without it all placeholders but {channel}, joined by '/'. */
static int default_detector(struct wire_source *source, const char **ret_problem) {
	int level = topic_template_find(&source->topic, SPAN("detector"));

	if (level >= 0)
		return add_part(source,
			(struct name_part){ .kind = NAME_LEVEL, .level = (size_t)level },
			ret_problem);
	for (size_t i = 0; i < source->topic.count; i++) {
		if (source->topic.levels[i].kind == TOPIC_LITERAL ||
			source->topic.levels[i].text.length == 0 || (int)i == source->channel_level)
			continue;
		int r = source->part_count == 0
				? 0
				: add_part(source, (struct name_part){ .text = SPAN("/") },
					  ret_problem);
		if (r == 0)
			r = add_part(source, (struct name_part){ .kind = NAME_LEVEL, .level = i },
				ret_problem);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "speed = v, volume": a channel, and the field that it is in if that is named differently. */
static int compile_channel(
	struct channel_field *channel, struct span text, const char **ret_problem) {
	struct span name = span_trim(span_cut(&text, '='));
	struct span field = text.data ? span_trim(text) : name;

	*channel = (struct channel_field){ field, name };
	if (field.length == 0 || name_check_channel(name) < 0)
		return refuse(ret_problem, "a channel is written name or name = field");
	return 0;
}

static int compile_channels(
	struct wire_source *source, struct span text, const char **ret_problem) {
	size_t count = 1;

	if (span_trim(text).length == 0)
		return 0;
	for (size_t i = 0; i < text.length; i++)
		count += text.data[i] == ',';
	if (count > CHANNELS_MAX)
		return refuse(ret_problem, "too many channels");

	source->channels = arena_take(&source->arena, count * sizeof(*source->channels));
	if (!source->channels)
		return -ENOMEM;
	while (text.data) {
		int r = compile_channel(&source->channels[source->channel_count++],
			span_cut(&text, ','), ret_problem);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compile_filter(struct wire_source *source) {
	struct text filter = { 0 };

	topic_template_filter(&source->topic, &filter);
	source->filter =
		text_failed(&filter) ? SPAN_EMPTY : arena_copy(&source->arena, text_span(&filter));
	text_finish(&filter);
	return source->filter.data ? 0 : -ENOMEM;
}

static int compile_topic(struct wire_source *source, struct span text, const char **ret_problem) {
	if (topic_template_read(text, &source->topic, ret_problem) < 0)
		return E_CONFIG;

	source->channel_level = topic_template_find(&source->topic, SPAN("channel"));
	if (source->channel_level >= 0 &&
		source->topic.levels[source->channel_level].kind == TOPIC_REST)
		return refuse(ret_problem, "{channel} is one level");
	return compile_filter(source);
}

/* Copies of all texts, so that the source stands on its own. */
static int copy_options(struct wire_source *source, struct wire_source_options *options) {
	struct span *const texts[] = { &options->topic, &options->detector, &options->channels,
		&options->time, &options->unit, &options->latitude, &options->longitude };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		*texts[i] = arena_copy(&source->arena, *texts[i]);
		if (!texts[i]->data)
			return -ENOMEM;
	}
	return 0;
}

static int compile(struct wire_source *source, const struct wire_source_options *given,
	const char **ret_problem) {
	struct wire_source_options options = *given;

	int r = copy_options(source, &options);
	if (r < 0)
		return r;
	r = compile_topic(source, options.topic, ret_problem);
	if (r < 0)
		return r;
	r = options.detector.length > 0 ? compile_detector(source, options.detector, ret_problem)
					: default_detector(source, ret_problem);
	if (r < 0)
		return r;
	r = compile_channels(source, options.channels, ret_problem);
	if (r < 0)
		return r;
	if ((options.latitude.length > 0) != (options.longitude.length > 0))
		return refuse(ret_problem, "a position is two fields");

	source->format = options.format;
	source->times_arrival = span_equal(options.time, SPAN("arrival"));
	source->time = options.time;
	source->unit = options.unit;
	source->latitude = options.latitude;
	source->longitude = options.longitude;
	source->payload_max = options.payload_max ? options.payload_max : WIRE_PAYLOAD_MAX;
	return 0;
}

int wire_source_create(struct wire_source **ret_source, const struct wire_source_options *options,
	const char **ret_problem) {
	struct wire_source *source = calloc(1, sizeof(*source));
	if (!source)
		return -ENOMEM;

	int r = compile(source, options, ret_problem);
	if (r < 0) {
		wire_source_destroy(source);
		return r;
	}
	*ret_source = source;
	return 0;
}

void wire_source_destroy(struct wire_source *source) {
	if (!source)
		return;
	arena_finish(&source->arena);
	free(source);
}

struct span wire_source_filter(const struct wire_source *source) {
	return source->filter;
}

bool wire_source_matches(const struct wire_source *source, struct span topic) {
	struct span values[TOPIC_LEVELS_MAX];

	return topic_template_match(&source->topic, topic, values);
}
