/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as number, integer, time and duration: what is read agrees with the C library and is
 * read back from what is written. */
#include "fuzz.h"
#include "num.h"
#include "text.h"
#include "timestamp.h"

#include <math.h>
#include <string.h>

static void check_number(struct span text) {
	char copy[128], written[NUM_TEXT_MAX];
	double value, again;

	if (num_read(text, &value) < 0)
		return;
	FUZZ_ASSERT(isfinite(value));
	text = span_trim(text);
	FUZZ_ASSERT(text.length < sizeof(copy));
	memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	FUZZ_ASSERT(strtod(copy, NULL) == value);

	size_t length = num_write_exact(written, value);
	FUZZ_ASSERT(length < NUM_TEXT_MAX);
	FUZZ_ASSERT(num_read(span_of(written, length), &again) == 0 && again == value);
	length = num_write(written, value);
	FUZZ_ASSERT(length < NUM_TEXT_MAX);
	/* Rounded up, the largest numbers are too large. */
	if (fabs(value) < 1.797693e308)
		FUZZ_ASSERT(num_read(span_of(written, length), &again) == 0 &&
			    fabs(again - value) <= 5.1e-7 * fabs(value) + 1e-300);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span text = span_of(data, size);
	char written[TIME_TEXT_MAX];
	int64_t value, again;
	double number;

	check_number(text);
	if (num_read_int(text, &value) == 0)
		FUZZ_ASSERT(num_read(text, &number) == 0 && number == (double)value);
	if (timestamp_read(text, &value) == 0) {
		FUZZ_ASSERT(value >= 0 && value <= TIME_MAX_MS);
		size_t length = timestamp_write(written, value);
		FUZZ_ASSERT(
			timestamp_read(span_of(written, length), &again) == 0 && again == value);
	}
	if (duration_read(text, &value) == 0) {
		FUZZ_ASSERT(value >= 0 && value <= TIME_MAX_MS);
		size_t length = duration_write(written, value);
		FUZZ_ASSERT(duration_read(span_of(written, length), &again) == 0 && again == value);
	}
	return 0;
}
