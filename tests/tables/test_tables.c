/* SPDX-License-Identifier: Apache-2.0 */
#include "adjacency.h"
#include "error.h"
#include "positions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A file that is written anew by each test, and what was told of it. */
struct bed {
	char path[64];
	struct text problems;
};

static int set_up(void **state) {
	struct bed *bed = calloc(1, sizeof(*bed));
	strcpy(bed->path, "/tmp/xlstmd-tables-XXXXXX");
	int file = mkstemp(bed->path);
	if (file < 0)
		return -1;
	close(file);
	*state = bed;
	return 0;
}

static int tear_down(void **state) {
	struct bed *bed = *state;
	unlink(bed->path);
	text_finish(&bed->problems);
	free(bed);
	return 0;
}

static void write_file(const struct bed *bed, const char *text) {
	FILE *file = fopen(bed->path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static struct positions *read_positions(struct bed *bed, const char *text) {
	struct positions *positions = NULL;
	write_file(bed, text);
	int r = positions_load(&positions, bed->path, &bed->problems);
	if (r < 0)
		fail_msg("%.*s", SPAN_PRINT(text_span(&bed->problems)));
	return positions;
}

static struct adjacency *read_adjacency(struct bed *bed, const char *text) {
	struct adjacency *adjacency = NULL;
	write_file(bed, text);
	int r = adjacency_load(&adjacency, bed->path, &bed->problems);
	if (r < 0)
		fail_msg("%.*s", SPAN_PRINT(text_span(&bed->problems)));
	return adjacency;
}

/* What was told, with FILE for the path. */
static void assert_problems(struct bed *bed, const char *expected) {
	char *told = calloc(1, bed->problems.length + 1), *to = told;
	struct span rest = text_span(&bed->problems);
	size_t length = strlen(bed->path);
	while (rest.length > 0) {
		bool path = rest.length >= length && memcmp(rest.data, bed->path, length) == 0;
		if (path)
			to = stpcpy(to, "FILE");
		else
			*to++ = *rest.data;
		rest = span_of(rest.data + (path ? length : 1), rest.length - (path ? length : 1));
	}
	*to = '\0';
	assert_string_equal(told, expected);
	free(told);
}

static void assert_positions_refused(struct bed *bed, const char *text, const char *problems) {
	struct positions *positions;
	write_file(bed, text);
	assert_int_equal(positions_load(&positions, bed->path, &bed->problems), E_CONFIG);
	assert_problems(bed, problems);
}

static void positions_in_degrees_are_found_by_name(void **state) {
	struct position position;
	struct positions *positions = read_positions(*state,
		"index,detector,latitude,longitude\n0,a/1,34.15,-118.3\n\n1,\"b, c\",-90,180\n");
	assert_int_equal(positions_count(positions), 2);
	assert_true(positions_find(positions, SPAN("a/1"), &position));
	assert_false(position.metres);
	assert_true(position.first == 34.15 && position.second == -118.3);
	assert_true(positions_find(positions, SPAN("b, c"), &position));
	assert_true(position.first == -90 && position.second == 180);
	assert_false(positions_find(positions, SPAN("a"), &position));
	positions_destroy(positions);
}

static void positions_in_metres_may_lie_anywhere(void **state) {
	struct position position;
	struct positions *positions =
		read_positions(*state, "detector,x,y\na,-12000.5,3e6\nb,0,0\n");
	assert_true(positions_find(positions, SPAN("a"), &position));
	assert_true(position.metres);
	assert_true(position.first == -12000.5 && position.second == 3e6);
	positions_destroy(positions);
}

static void every_mistake_is_told_with_line_and_column(void **state) {
	assert_positions_refused(*state,
		"detector,latitude,longitude\n"
		"a,north,0\n"
		"\n"
		"b,0\n"
		"c+,91,181\n"
		"d,1,1\n"
		"\"d\",2,2\n",
		"FILE:2: column 2 (latitude): found \"north\", expected a number from -90 to 90\n"
		"FILE:4: expected as many fields as the heading has\n"
		"FILE:5: column 1 (detector): found \"c+\", expected the name of a detector\n"
		"FILE:5: column 2 (latitude): found \"91\", expected a number from -90 to 90\n"
		"FILE:5: column 3 (longitude): found \"181\", expected a number from -180 to 180\n"
		"FILE:7: the detector has a position already\n");
}

static void a_heading_must_name_the_columns(void **state) {
	assert_positions_refused(*state, "sensor_id,latitude,y\na,1,1\n",
		"FILE:1: expected a column \"detector\" in the heading\n"
		"FILE:1: expected a column \"longitude\" in the heading\n");
}

static void what_is_no_file_is_told(void **state) {
	struct bed *bed = *state;
	struct positions *positions;
	assert_int_equal(positions_load(&positions, "/nowhere", &bed->problems), E_CONFIG);
	assert_problems(bed, "/nowhere: No such file or directory\n");
}

static void a_file_full_of_mistakes_is_given_up(void **state) {
	struct bed *bed = *state;
	struct positions *positions;
	FILE *file = fopen(bed->path, "we");
	fputs("detector,x,y\n", file);
	for (int i = 0; i < 10000; i++)
		fprintf(file, "d%d,x,0\n", i);
	fclose(file);
	assert_int_equal(positions_load(&positions, bed->path, &bed->problems), E_CONFIG);
	int lines = 0;
	for (size_t i = 0; i < bed->problems.length; i++)
		lines += bed->problems.data[i] == '\n';
	assert_in_range(lines, 20, 21);
}

static void candidates_come_with_the_largest_weight_first(void **state) {
	struct span to[CANDIDATES_MAX];
	struct adjacency *adjacency = read_adjacency(
		*state, "from,to,weight\na,b,0.2\na,c,0.9\na,a,1\nb,a,0\na,b,0.4\nd,a,1\n");
	assert_int_equal(adjacency_count(adjacency), 3);
	assert_int_equal(adjacency_candidates(adjacency, SPAN("a"), to), 2);
	assert_true(span_equal(to[0], SPAN("c")) && span_equal(to[1], SPAN("b")));
	assert_true(adjacency_names(adjacency, SPAN("b")));
	assert_int_equal(adjacency_candidates(adjacency, SPAN("b"), to), 0);
	assert_false(adjacency_names(adjacency, SPAN("e")));
	assert_int_equal(adjacency_candidates(adjacency, SPAN("e"), to), 0);
	adjacency_destroy(adjacency);
}

static void of_many_candidates_the_heaviest_stay(void **state) {
	struct bed *bed = *state;
	struct span to[CANDIDATES_MAX];
	struct adjacency *adjacency;
	char name[16];
	FILE *file = fopen(bed->path, "we");
	fputs("from,to,weight\n", file);
	for (int i = 1; i <= 200; i++)
		fprintf(file, "hub,d%d,%d\n", i, i);
	fclose(file);
	assert_int_equal(adjacency_load(&adjacency, bed->path, &bed->problems), 0);
	assert_int_equal(adjacency_candidates(adjacency, SPAN("hub"), to), CANDIDATES_MAX);
	for (int i = 0; i < CANDIDATES_MAX; i++) {
		snprintf(name, sizeof(name), "d%d", 200 - i);
		assert_true(span_equal(to[i], span_text(name)));
	}
	adjacency_destroy(adjacency);
}

static void weights_below_zero_are_refused(void **state) {
	struct bed *bed = *state;
	struct adjacency *adjacency;
	write_file(bed, "to,weight,from\nb,-1,a\nb,nan,a\n");
	assert_int_equal(adjacency_load(&adjacency, bed->path, &bed->problems), E_CONFIG);
	assert_problems(bed,
		"FILE:2: column 2 (weight): found \"-1\", expected a number from 0 to 1e+09\n"
		"FILE:3: column 2 (weight): found \"nan\", expected a number from 0 to 1e+09\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(positions_in_degrees_are_found_by_name),
		TEST(positions_in_metres_may_lie_anywhere),
		TEST(every_mistake_is_told_with_line_and_column),
		TEST(a_heading_must_name_the_columns),
		TEST(what_is_no_file_is_told),
		TEST(a_file_full_of_mistakes_is_given_up),
		TEST(candidates_come_with_the_largest_weight_first),
		TEST(of_many_candidates_the_heaviest_stay),
		TEST(weights_below_zero_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
