/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a configuration file: refused with lines that say where, or a configuration that the
 * other layers take, that is printed as a file which reads as the same configuration, and that a
 * reload of itself leaves alone. */
#include "config.h"
#include "config_source.h"
#include "error.h"
#include "fuzz.h"

#include <string.h>

#define NAME "fuzz.conf"

/* Each problem is a line of text that names the file; nothing of the file can make up another. */
static void check_problems(struct span problems) {
	FUZZ_ASSERT(problems.length > 0 && problems.data[problems.length - 1] == '\n');
	FUZZ_ASSERT(span_is_utf8(problems));
	while (problems.length > 0) {
		struct span line = span_cut(&problems, '\n');

		FUZZ_ASSERT(span_starts_with(line, SPAN(NAME ":")));
	}
}

static void check_sources(const struct config *config) {
	for (size_t i = 0; i < config->source_count; i++) {
		const struct config_source *source = &config->sources[i];
		struct forecast_options forecast;
		struct wire_source *wire;
		const char *problem;

		FUZZ_ASSERT(config_wire_source(config, source, &wire, &problem) == 0);
		wire_source_destroy(wire);
		FUZZ_ASSERT(config_forecast_options(config, source, &forecast) == 0);
		FUZZ_ASSERT(config_clock(config, source).gap_ticks_max > 0);
	}
}

static void check_comes_back(struct config *config) {
	struct text printed = { 0 }, again = { 0 }, problems = { 0 };
	struct config *back;

	config_print(config, &printed);
	FUZZ_ASSERT(!text_failed(&printed));
	if (config_parse(text_span(&printed), NAME, &problems, &back) < 0) {
		fprintf(stderr, "%.*s\n", SPAN_PRINT(text_span(&problems)));
		abort();
	}
	config_print(back, &again);
	FUZZ_ASSERT(span_equal(text_span(&printed), text_span(&again)));
	text_reset(&problems);
	FUZZ_ASSERT(config_reload(config, back, &problems) == 0 && problems.length == 0);
	config_destroy(back);
	text_finish(&printed);
	text_finish(&again);
	text_finish(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct text problems = { 0 };
	struct config *config;

	int r = config_parse(span_of(data, size), NAME, &problems, &config);
	if (r < 0) {
		FUZZ_ASSERT(r == E_CONFIG);
		check_problems(text_span(&problems));
	} else {
		FUZZ_ASSERT(problems.length == 0);
		check_sources(config);
		check_comes_back(config);
		config_destroy(config);
	}
	text_finish(&problems);
	return 0;
}
