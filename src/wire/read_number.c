/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "num.h"
#include "reader.h"

/* Longer texts after a number are no units. */
#define UNIT_MAX_LENGTH 16

static bool is_numeric(char c) {
	return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
}

static bool is_unit(struct span text) {
	return text.length > 0 && text.length <= UNIT_MAX_LENGTH &&
	       !memchr(text.data, ' ', text.length) && !memchr(text.data, '=', text.length) &&
	       !span_has_control(text);
}

/* "21.5", "21.5 °C", "45%". */
static int read_quantity(struct span text, double *ret_value, struct span *ret_unit) {
	size_t digits = 0;

	while (digits < text.length && is_numeric(text.data[digits]))
		digits++;

	struct span unit = span_trim(span_of(text.data + digits, text.length - digits));
	if (unit.length > 0 && !is_unit(unit))
		return E_SYNTAX;
	*ret_unit = unit;
	return num_read(span_of(text.data, digits), ret_value);
}

/* One value, whose name is in the topic. */
int read_number(struct reader *reader) {
	struct span text = span_trim(reader->payload);
	struct reading reading = { .time_ms = TIME_NONE, .channel = reader_only_channel(reader) };
	struct span unit = SPAN_EMPTY;

	if (!span_is_utf8(text))
		return E_ENCODING;
	if (!reader_read_word(text, &reading.value)) {
		int r = read_quantity(text, &reading.value, &unit);
		if (r < 0)
			return r;
	}

	reading.unit = reader_unit(reader, unit);
	reading.detector = reader->detector;
	if (reading.detector.length == 0) {
		int r = reader_name_detector(reader, NULL, NULL, &reading.detector);
		if (r < 0)
			return r;
	}
	return reader_add(reader, &reading);
}
