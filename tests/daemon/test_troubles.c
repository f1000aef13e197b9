/* SPDX-License-Identifier: Apache-2.0 */
#include "caught_log.h"
#include "troubles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Wall clock, and a clock that nobody sets. */
#define NOW   INT64_C(1700000000250)
#define CLOCK INT64_C(5000)

static struct troubles troubles;
static struct text text;

static void start_anew(void) {
	troubles = (struct troubles){ 0 };
	troubles_turn(&troubles, NOW, CLOCK);
}

static int begin(void **state) {
	start_anew();
	return catch_log(state);
}

static int end(void **state) {
	text_finish(&text);
	text = (struct text){ 0 };
	return release_log(state);
}

static void assert_written(
	void (*write)(const struct troubles *, struct text *), const char *expected) {
	text_reset(&text);
	write(&troubles, &text);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, expected);
}

static void assert_troubles(const char *json, const char *names) {
	assert_written(troubles_write, json);
	assert_written(troubles_name, names);
}

/* So much later by both clocks, without anybody meeting anything. */
static void settle_at(int64_t after_ms) {
	troubles_turn(&troubles, NOW + after_ms, CLOCK + after_ms);
	troubles_settle(&troubles);
}

static void there_are_none_at_first(void **state) {
	(void)state;
	settle_at(1000000);
	assert_troubles("[]", "");
	assert_string_equal(caught_log(), "");
}

static void what_is_met_says_what_and_since_when(void **state) {
	(void)state;
	troubles_meet(&troubles, TROUBLE_DATABASE, "disk full", 0);
	settle_at(0);
	assert_troubles("[{\"name\":\"database\",\"what\":\"disk full\",\"since\":1700000000.25,"
			"\"seconds\":0}]",
		"database");
}

/* What it says is of the latest meeting, since when of the first; the cost adds up. */
static void it_goes_on_while_it_is_met(void **state) {
	(void)state;
	troubles_meet(&troubles, TROUBLE_OVERLOAD, "inbox full", 3);
	troubles_turn(&troubles, NOW + 9000, CLOCK + 9000);
	troubles_meet(&troubles, TROUBLE_OVERLOAD, "inbox still full", 4);
	settle_at(19000);
	assert_troubles(
		"[{\"name\":\"overload\",\"what\":\"inbox still full\",\"since\":1700000000.25,"
		"\"seconds\":19,\"messages\":7}]",
		"overload");
	settle_at(19001);
	assert_troubles("[]", "");
	settle_at(40000);
	assert_string_equal(caught_log(),
		"<4>trouble begins: overload: inbox full\n"
		"<5>trouble is over after 19 s: overload; it cost 7 messages\n");
}

/* A connection that is back is no trouble any more; dropped messages are told for ten seconds, a step of the
 * clock for a minute. */
static void each_kind_is_told_for_as_long_as_it_should(void **state) {
	static const struct {
		enum trouble which;
		int64_t hold_ms;
	} kinds[] = {
		{ TROUBLE_BROKER, 0 },
		{ TROUBLE_DATABASE, 0 },
		{ TROUBLE_HOUSEKEEPING, 0 },
		{ TROUBLE_UNSTORED, 10000 },
		{ TROUBLE_OVERLOAD, 10000 },
		{ TROUBLE_BACKLOG, 10000 },
		{ TROUBLE_CLOCK, 60000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		start_anew();
		troubles_meet(&troubles, kinds[i].which, "it", 0);
		settle_at(kinds[i].hold_ms);
		assert_true(troubles.states[kinds[i].which].is_on);
		settle_at(kinds[i].hold_ms + 1);
		assert_false(troubles.states[kinds[i].which].is_on);
	}
	assert_int_equal(sizeof(kinds) / sizeof(kinds[0]), TROUBLES);
}

static void one_that_comes_again_begins_anew(void **state) {
	(void)state;
	troubles_meet(&troubles, TROUBLE_BACKLOG, "late", 5);
	settle_at(10001);
	troubles_turn(&troubles, NOW + 20000, CLOCK + 20000);
	troubles_meet(&troubles, TROUBLE_BACKLOG, "late", 2);
	settle_at(21000);
	assert_troubles("[{\"name\":\"backlog\",\"what\":\"late\",\"since\":1700000020.25,"
			"\"seconds\":1,\"forecasts\":2}]",
		"backlog");
}

/* The wall clock says since when, the other how long. */
static void a_step_of_the_wall_clock_changes_no_duration(void **state) {
	(void)state;
	troubles_meet(&troubles, TROUBLE_BROKER, "refused", 0);
	troubles_turn(&troubles, NOW - 86400000, CLOCK + 2000);
	troubles_meet(&troubles, TROUBLE_BROKER, "refused", 0);
	troubles_settle(&troubles);
	assert_troubles("[{\"name\":\"broker\",\"what\":\"refused\",\"since\":1700000000.25,"
			"\"seconds\":2}]",
		"broker");
}

/* No cost is told of a kind that has none. */
static void an_end_is_told_once(void **state) {
	(void)state;
	troubles_meet(&troubles, TROUBLE_BROKER, "refused", 0);
	settle_at(3000);
	settle_at(6000);
	assert_string_equal(caught_log(), "<4>trouble begins: broker: refused\n"
					  "<5>trouble is over after 3 s: broker\n");
}

static void several_are_told_in_one_order(void **state) {
	(void)state;
	troubles_meet(&troubles, TROUBLE_CLOCK, "forward", 0);
	troubles_meet(&troubles, TROUBLE_UNSTORED, "full", 1);
	troubles_meet(&troubles, TROUBLE_BROKER, "gone", 0);
	settle_at(0);
	assert_written(troubles_name, "broker, unstored, clock");
	settle_at(1);
	assert_troubles("[{\"name\":\"unstored\",\"what\":\"full\",\"since\":1700000000.25,"
			"\"seconds\":0,\"rows\":1},"
			"{\"name\":\"clock\",\"what\":\"forward\",\"since\":1700000000.25,"
			"\"seconds\":0}]",
		"unstored, clock");
}

/* What a broker or a disk says is a stranger's: it stays a string, and within its bounds. */
static void what_is_said_stays_in_its_place(void **state) {
	char what[200];

	(void)state;
	troubles_meet(&troubles, TROUBLE_BROKER, "\"}],\n", 0);
	assert_troubles("[{\"name\":\"broker\",\"what\":\"\\\"}],\\n\",\"since\":1700000000.25,"
			"\"seconds\":0}]",
		"broker");
	memset(what, 'w', sizeof(what));
	what[sizeof(what) - 1] = '\0';
	troubles_meet(&troubles, TROUBLE_BROKER, what, 0);
	assert_int_equal(strlen(troubles.states[TROUBLE_BROKER].what),
		sizeof(troubles.states[TROUBLE_BROKER].what) - 1);
}

#define TROUBLES_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
	const struct CMUnitTest tests[] = {
		TROUBLES_TEST(there_are_none_at_first),
		TROUBLES_TEST(what_is_met_says_what_and_since_when),
		TROUBLES_TEST(it_goes_on_while_it_is_met),
		TROUBLES_TEST(each_kind_is_told_for_as_long_as_it_should),
		TROUBLES_TEST(one_that_comes_again_begins_anew),
		TROUBLES_TEST(a_step_of_the_wall_clock_changes_no_duration),
		TROUBLES_TEST(an_end_is_told_once),
		TROUBLES_TEST(several_are_told_in_one_order),
		TROUBLES_TEST(what_is_said_stays_in_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
