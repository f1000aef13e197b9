/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_READER_H
#define WIRE_READER_H

#include "source_private.h"

/* What the readers of the formats share: one message on its way into a list. Readers return 0 or
 * an error that spoils the whole message; what spoils one part only goes to reader_refuse. */
struct reader {
	const struct wire_source *source;
	struct reading_list *list;
	struct span topic;
	struct span payload;
	int64_t now_ms;
	struct span levels[TOPIC_LEVELS_MAX]; /* of the topic */
	struct span detector; /* empty: the message names it, part by part */
	struct span channel; /* of the topic, empty without */
	int refusal; /* why the first part was refused */
};

/* The value that a message says a field or tag has; empty if there is none. */
typedef struct span (*field_value)(void *message, struct reader *reader, struct span field);

/* The detector's name by topic and configuration, which may name fields of the message. 0, E_NAME,
 * E_ENCODING or -ENOMEM. */
int reader_name_detector(
	struct reader *reader, field_value value, void *message, struct span *ret_detector);

/* Whether a name that the message itself made will do. 0, E_NAME or E_ENCODING. */
int reader_check_detector(struct span name);

/* Counts a part that makes no reading. */
void reader_refuse(struct reader *reader, int error);

/* Adds a reading, or refuses it for its channel's name or a value that is infinite. The spans must last as long as the list. 0,
 * E_TOO_LARGE or -ENOMEM. */
int reader_add(struct reader *reader, const struct reading *reading);

/* The name of a channel that the message calls `name`: with {channel} in the topic "channel" for
 * "value", "val" and "v", and "channel.name" for others. A NULL pointer: no memory. */
struct span reader_channel_name(struct reader *reader, struct span name);

/* The channel of a field: 1, 0 if the configuration lists other fields only, or -ENOMEM. */
int reader_channel_of(struct reader *reader, struct span field, struct span *ret_channel);

/* The channel of a message that is one value without a name. */
struct span reader_only_channel(const struct reader *reader);

/* The unit: the configured one, or else what the message says. */
struct span reader_unit(const struct reader *reader, struct span told);

int reader_add_position(
	struct reader *reader, struct span detector, double latitude, double longitude);

/* "one.two" in the list's arena; a NULL pointer: no memory. */
struct span reader_join(
	struct reader *reader, struct span first, struct span joint, struct span second);

/* Whether text is a word for a value: on, true, off, false, or for the lack of one: null, nan, none,
 * unknown, unavailable. */
bool reader_read_word(struct span text, double *ret_value);

int read_number(struct reader *reader);
int read_json(struct reader *reader);
int read_line_protocol(struct reader *reader);

#endif
