/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "config_source.h"
#include "detector.h"
#include "error.h"
#include "source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config *config;
static struct text problems;

static int setup(void **state) {
	(void)state;
	config = NULL;
	problems = (struct text){ 0 };
	return 0;
}

static int teardown(void **state) {
	(void)state;
	config_destroy(config);
	text_finish(&problems);
	return 0;
}

static int parse(const char *text) {
	return config_parse(span_text(text), "f", &problems, &config);
}

static void assert_parses(const char *text) {
	int r = parse(text);

	if (r < 0)
		fail_msg("%d: %.*s", r, SPAN_PRINT(text_span(&problems)));
}

static void assert_problems(const char *expected) {
	text_add_char(&problems, '\0');
	assert_string_equal(problems.data, expected);
}

static void an_empty_file_gives_the_defaults(void **state) {
	(void)state;
	assert_parses("");
	assert_string_equal(config->mqtt.server, "tcp://localhost:1883");
	assert_int_equal(config->forecast.horizon, 24);
	assert_int_equal(config->store.state_interval, 300000);
	assert_true(config->mqtt.verify);
	assert_int_equal(config->source_count, 0);
}

static void sources_keep_their_order_and_inherit(void **state) {
	(void)state;
	assert_parses("[source b]\ntopic = b/{detector}\nhorizon = 7\nstep = 1h\nseason = 1d\n"
		      "[source a]\ntopic = a/{detector}\nformat = senml\naggregate = max\n"
		      "[forecast]\nhorizon = 48\nseason = 24, 168\n");
	assert_int_equal(config->source_count, 2);
	assert_string_equal(config->sources[0].heading.name, "b");
	assert_int_equal(config->sources[0].horizon, 7);
	assert_int_equal(config->sources[0].step, 3600000);
	assert_string_equal(config->sources[0].season.items[0], "1d");
	assert_int_equal(config->sources[1].horizon, 48);
	assert_int_equal(config->sources[1].season.count, 2);
	assert_int_equal(config->sources[1].format, WIRE_SENML);
	assert_int_equal(config->sources[1].aggregate, AGGREGATE_MAX);
}

static void rows_and_guards_reach_the_engine(void **state) {
	struct forecast_options options;

	(void)state;
	assert_parses("[forecast]\nrows = lean\n"
		      "[source a]\ntopic = a/{detector}\nrows = full\nanomaly_side = below\n"
		      "anomaly_least = 0.5, 10%\nrange = 0, 99.5\nclip = off\n"
		      "[source b]\ntopic = b/{detector}\nrange = -, 7\n");
	assert_int_equal(config_forecast_options(config, &config->sources[0], &options), 0);
	assert_int_equal(options.rows, ROWS_FULL);
	assert_int_equal(options.guards.side, GUARD_BELOW);
	assert_true(options.guards.least_absolute == 0.5);
	assert_true(options.guards.least_relative == 0.1);
	assert_true(options.guards.low == 0 && options.guards.high == 99.5);
	assert_false(options.guards.clip);
	assert_int_equal(config_forecast_options(config, &config->sources[1], &options), 0);
	assert_int_equal(options.rows, ROWS_LEAN);
	assert_true(options.guards.low == -INFINITY && options.guards.high == 7);
	assert_true(options.guards.clip);
}

static void guards_that_make_no_sense_are_told(void **state) {
	static const char *const wrong[] = { "range = 5", "range = 5, 5", "range = a, 5",
		"anomaly_least = -1", "anomaly_least = 1, 2", "anomaly_least = some" };
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "[source a]\ntopic = a/{detector}\n%s\n", wrong[i]);
		assert_int_equal(parse(text), E_CONFIG);
		assert_problems(
			"f:1: [source a]: anomaly_least, range: expected a distance, a percentage "
			"or both, and two numbers, the lower first, or - for no limit\n");
	}
}

static void comments_blanks_and_line_ends_do_not_matter(void **state) {
	(void)state;
	assert_parses("\xef\xbb\xbf# head\r\n; too\r\n[mqtt] ; behind\r\n\t server =  tcp://h:1 ; "
		      "behind\r\n\r\n   \n  [store]\n path: /x y/z.db");
	assert_string_equal(config->mqtt.server, "tcp://h:1");
	assert_string_equal(config->store.path, "/x y/z.db");
}

static void lists_go_on_on_indented_lines(void **state) {
	(void)state;
	assert_parses("[source a]\ntopic = a/{detector}\nchannels = a,\n  b, c,\n\td\nunit = V\n");
	assert_int_equal(config->sources[0].channels.count, 4);
	assert_string_equal(config->sources[0].channels.items[3], "d");
	assert_string_equal(config->sources[0].unit, "V");
}

static void every_mistake_is_told_with_its_line(void **state) {
	(void)state;
	assert_int_equal(parse("[mqtt]\nsever = x\n[forcast]\na = b\n[source p]\n"
			       "step = soon\nqos = 3\nqos = 1\nnonsense\n[source]\n[mqtt\n"),
		E_CONFIG);
	assert_problems("f:2: unknown key sever in [mqtt]; did you mean server?\n"
			"f:3: unknown section forcast; did you mean forecast?\n"
			"f:6: step: found \"soon\", expected a duration from 1ms to 365d, or auto\n"
			"f:7: qos: found \"3\", expected a whole number from 0 to 2\n"
			"f:8: qos: given before in line 7\n"
			"f:9: expected KEY = VALUE or [SECTION]\n"
			"f:10: [source]: expected a name: [source NAME]\n"
			"f:11: expected ] at the end of the section's name\n"
			"f:5: [source p]: topic: expected one\n");
}

static void a_key_before_the_first_section_is_a_mistake(void **state) {
	(void)state;
	assert_int_equal(parse("server = x\n"), E_CONFIG);
	assert_problems("f:1: expected a [SECTION] before the first key\n");
}

static void two_sources_of_one_name_are_a_mistake(void **state) {
	(void)state;
	assert_int_equal(
		parse("[source a]\ntopic = a/{detector}\n[source a]\ntopic = b/{detector}\n"),
		E_CONFIG);
	assert_problems("f:3: [source a]: given before in line 1; expected a name of its own\n");
}

static void lines_that_libinih_would_cut_are_refused(void **state) {
	char text[600];

	(void)state;
	snprintf(text, sizeof(text), "[store]\npath = /%.*s\n", 191,
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	assert_parses(text);
	assert_int_equal(strlen(config->store.path), 192);
	config_destroy(config);
	config = NULL;

	text[8 + strlen("path = ")] = '\0';
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "/%0*d\n", 192, 1);
	assert_int_equal(parse(text), E_CONFIG);
	assert_problems("f:2: line of 200 bytes; expected at most 199 (lists may go on on indented "
			"lines)\n");
}

static void comments_may_be_of_any_length(void **state) {
	char text[1000];

	(void)state;
	snprintf(text, sizeof(text), "# %0900d\n[mqtt]\nbase = b\n", 1);
	assert_parses(text);
	assert_string_equal(config->mqtt.base, "b");
}

static void what_is_no_text_is_refused(void **state) {
	(void)state;
	assert_int_equal(parse("[mqtt]\nuser = \xff\nbase = a\x01z\n"), E_CONFIG);
	assert_problems("f:2: expected text in UTF-8 without control characters\n"
			"f:3: expected text in UTF-8 without control characters\n");
}

static void keys_that_need_each_other_are_checked(void **state) {
	(void)state;
	assert_int_equal(parse("[daemon]\ninstance = a/b\n[mqtt]\nserver = localhost\n"
			       "base = x/#\nreconnect_min = 2m\nkey_file = k\npassword_file = p\n"
			       "[forecast]\nexperts = rls, oracle\n"
			       "[source s]\ntopic = s/{detector\n"
			       "[source t]\ntopic = t/{detector}\nposition = lat\nseason = 1d\n"),
		E_CONFIG);
	assert_problems(
		"f: [daemon] instance: expected a name without slashes and wildcards\n"
		"f: [mqtt] server: expected tcp://HOST:PORT or ssl://HOST:PORT\n"
		"f: [mqtt] base: expected a topic without wildcards\n"
		"f: [mqtt] reconnect_max: expected no less than reconnect_min\n"
		"f: [mqtt] key_file: expected cert_file beside it\n"
		"f: [mqtt] password_file: expected user beside it\n"
		"f: [forecast] experts: expected all, or names of experts\n"
		"f:11: [source s]: a level is plain text, {placeholder}, + or #\n"
		"f:13: [source t]: position: expected two fields: lat, lon\n"
		"f:13: [source t]: season: expected auto, or one or two periods, the shorter "
		"first, "
		"in steps or, with a configured step, as durations that are multiples of it\n");
}

static void what_is_printed_parses_to_the_same(void **state) {
	struct text first = { 0 }, second = { 0 };

	(void)state;
	assert_parses("[limits]\nmemory = none\n[source s]\ntopic = s/{detector}\nchannels =\n"
		      " channel_one, channel_two, channel_three, channel_four, channel_five,\n"
		      " channel_six, channel_seven, channel_eight, channel_nine, channel_ten\n"
		      "step = 90s\n[source t]\ntopic = t/{detector}\n");
	config_print(config, &first);
	config_destroy(config);
	config = NULL;
	assert_int_equal(config_parse(text_span(&first), "f", &problems, &config), 0);
	config_print(config, &second);
	assert_true(span_equal(text_span(&first), text_span(&second)));
	assert_int_equal(config->sources[0].channels.count, 10);
	text_finish(&first);
	text_finish(&second);
}

static void groups_have_names_and_files(void **state) {
	(void)state;
	assert_parses(
		"[group road]\npositions = /etc/road.csv\n[source a]\ntopic = a\ngroup = road\n"
		"[group river]\nadjacency = b.csv\n");
	assert_int_equal(config->group_count, 2);
	assert_string_equal(config->groups[0].heading.name, "road");
	assert_string_equal(config->groups[0].positions, "/etc/road.csv");
	assert_string_equal(config->groups[0].adjacency, "");
	assert_string_equal(config->groups[1].adjacency, "b.csv");
	assert_int_equal(config->source_count, 1);
}

static void groups_are_named_once(void **state) {
	(void)state;
	assert_int_equal(parse("[group]\n[group a]\npositions = x\npositions = y\n[group a]\n"
			       "[group b]\nposition = x\n"),
		E_CONFIG);
	assert_problems("f:1: [group]: expected a name: [group NAME]\n"
			"f:4: positions: given before in line 3\n"
			"f:5: [group a]: given before in line 2; expected a name of its own\n"
			"f:7: unknown key position in [group]; did you mean positions?\n");
}

/* The names of the sources in their order, those that are gone in brackets. */
static void assert_sources(const char *expected) {
	struct text names = { 0 };

	for (size_t i = 0; i < config->source_count; i++) {
		const struct config_name *source = &config->sources[i].heading;

		text_add_format(
			&names, source->gone ? "%s(%s)" : "%s%s", i > 0 ? " " : "", source->name);
	}
	text_add_char(&names, '\0');
	assert_string_equal(names.data, expected);
	text_finish(&names);
}

static int reload(const char *text, struct text *kept) {
	struct config *fresh;

	assert_int_equal(config_parse(span_text(text), "f", &problems, &fresh), 0);
	int changed = config_reload(config, fresh, kept);
	config_destroy(fresh);
	return changed;
}

static void a_reload_takes_groups_over(void **state) {
	struct text kept = { 0 };
	static const char after[] = "[source a]\ntopic = a\ngroup = river\nhorizon = 7\n"
				    "[group river]\npositions = r.csv\n[group same]\n";

	(void)state;
	assert_parses("[source a]\ntopic = a\ngroup = road\n[group road]\npositions = x\n"
		      "[group same]\n");
	assert_int_equal(reload(after, &kept), 3);
	assert_string_equal(config->sources[0].group, "river");
	assert_int_equal(config->sources[0].horizon, 24);
	assert_int_equal(config->group_count, 2);
	assert_string_equal(config->groups[0].positions, "r.csv");
	assert_true(span_equal(text_span(&kept), SPAN("[source a] horizon")));
	text_finish(&kept);
}

static void a_reload_takes_what_may_change_and_names_the_rest(void **state) {
	struct text kept = { 0 };

	(void)state;
	assert_parses("[source same]\ntopic = s/{detector}\n[source gone]\ntopic = g/{detector}\n"
		      "[source other]\ntopic = o/{detector}\nstep = 5s\n");
	assert_int_equal(reload("[daemon]\nlog = debug\ninstance = x\n[store]\n"
				"keep_readings = 2d\n[mqtt]\nuser = u\n"
				"[source new]\ntopic = n/{detector}\n"
				"[source same]\ntopic = s/{detector}\n"
				"[source other]\ntopic = p/{detector}\nqos = 0\n"
				"step = 7s\nlateness = 1s\n",
				 &kept),
		5);
	assert_int_equal(config->store.keep_readings, 2 * 86400000);
	assert_string_equal(config->daemon.instance, "main");
	text_add_char(&kept, '\0');
	assert_string_equal(kept.data,
		"[daemon] instance, [mqtt] user, [source other] step, [source other] lateness");
	text_finish(&kept);
	assert_sources("new same other (gone)");
	assert_string_equal(config->sources[2].topic, "p/{detector}");
	assert_int_equal(config->sources[2].step, 5000);
	assert_int_equal(config->sources[2].lateness, 0);
}

/* A source that comes back has what its detectors were made for. */
static void a_source_that_is_gone_may_come_back(void **state) {
	struct text kept = { 0 };

	(void)state;
	assert_parses("[source a]\ntopic = a\nhorizon = 3\n[source b]\ntopic = b\n");
	assert_int_equal(reload("[source b]\ntopic = b\n", &kept), 1);
	assert_sources("b (a)");
	assert_int_equal(reload("[source b]\ntopic = b\n", &kept), 0);
	assert_sources("b (a)");
	text_reset(&problems);
	config_print(config, &problems);
	assert_null(memmem(problems.data, problems.length, "[source a]", 10));
	assert_int_equal(reload("[source a]\ntopic = c\n[source b]\ntopic = b\n", &kept), 1);
	assert_sources("a b");
	assert_string_equal(config->sources[0].topic, "c");
	assert_int_equal(config->sources[0].horizon, 3);
	assert_true(span_equal(text_span(&kept), SPAN("[source a] horizon")));
	text_finish(&kept);
}

static void a_file_that_can_not_be_read_is_a_mistake(void **state) {
	(void)state;
	assert_int_equal(config_load("/nonexistent/file", &problems, &config), E_CONFIG);
	assert_problems("/nonexistent/file: No such file or directory\n");
}

#define UNIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		UNIT(an_empty_file_gives_the_defaults),
		UNIT(sources_keep_their_order_and_inherit),
		UNIT(rows_and_guards_reach_the_engine),
		UNIT(guards_that_make_no_sense_are_told),
		UNIT(comments_blanks_and_line_ends_do_not_matter),
		UNIT(lists_go_on_on_indented_lines),
		UNIT(every_mistake_is_told_with_its_line),
		UNIT(a_key_before_the_first_section_is_a_mistake),
		UNIT(two_sources_of_one_name_are_a_mistake),
		UNIT(lines_that_libinih_would_cut_are_refused),
		UNIT(comments_may_be_of_any_length),
		UNIT(what_is_no_text_is_refused),
		UNIT(keys_that_need_each_other_are_checked),
		UNIT(what_is_printed_parses_to_the_same),
		UNIT(a_reload_takes_what_may_change_and_names_the_rest),
		UNIT(a_source_that_is_gone_may_come_back),
		UNIT(groups_have_names_and_files),
		UNIT(groups_are_named_once),
		UNIT(a_reload_takes_groups_over),
		UNIT(a_file_that_can_not_be_read_is_a_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
