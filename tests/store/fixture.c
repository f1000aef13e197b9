/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define STEP_MS 60000

int fixture_setup(void **state) {
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	if (!fixture)
		return -1;

	/* In memory where there is such a place: thousands of commits need not wait for a disk. */
	snprintf(fixture->folder, sizeof(fixture->folder), "%s/xlstmd-store-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(fixture->folder)) {
		free(fixture);
		return -1;
	}
	snprintf(fixture->path, sizeof(fixture->path), "%s/xlstmd.db", fixture->folder);
	*state = fixture;
	return 0;
}

int fixture_setup_open(void **state) {
	if (fixture_setup(state) < 0)
		return -1;

	struct fixture *fixture = *state;
	fixture->store = fixture_open(fixture);
	return 0;
}

int fixture_teardown(void **state) {
	struct fixture *fixture = *state;
	int status;

	journal_finish(&fixture->journal);
	store_close(fixture->store);
	fixture_shell(&status, "rm -rf '%s'", fixture->folder);
	free(fixture);
	return status;
}

struct store *fixture_open(const struct fixture *fixture) {
	struct store_options options = { .path = fixture->path, .create = true };
	struct store_refusal refusal;
	struct store *store;

	if (store_open(&store, &options, &refusal) < 0)
		fail_msg("%s: %s", fixture->path, refusal.message);
	return store;
}

void fixture_make(const struct fixture *fixture, uint32_t pumps) {
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	for (uint32_t id = 1; id <= pumps; id++)
		fixture_add_pump(&journal, id);
	if (pumps > 0)
		fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
}

void fixture_meddle(const struct fixture *fixture, const char *sql) {
	int status;

	fixture_shell(&status, "sqlite3 '%s' \"%s\"", fixture->path, sql);
	assert_int_equal(status, 0);
}

const char *fixture_ask(const struct fixture *fixture, const char *sql) {
	static char answer[32768];
	struct query *query;
	struct rows *rows;

	answer[0] = '\0';
	assert_int_equal(query_open(&query, fixture->path), 0);
	int r = query_rows(query, sql, NULL, 0, &rows);
	if (r < 0)
		fail_msg("%s: %s", sql, query_message(query));

	r = rows_next(rows);
	if (r < 0)
		fail_msg("%s: %s", sql, query_message(query));
	if (r == 1 && rows_type(rows, 0) == VALUE_NULL)
		snprintf(answer, sizeof(answer), "NULL");
	else if (r == 1)
		snprintf(answer, sizeof(answer), "%.*s", SPAN_PRINT(rows_text(rows, 0)));
	rows_close(rows);
	query_close(query);
	return answer;
}

const char *fixture_shell(int *ret_status, const char *format, ...) {
	static char output[65536];
	char command[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);

	fflush(NULL);
	FILE *pipe = popen(command, "r");
	if (!pipe)
		fail_msg("popen: %s", command);
	size_t length = fread(output, 1, sizeof(output) - 1, pipe);
	if (length > 0 && output[length - 1] == '\n')
		length--;
	output[length] = '\0';
	int status = pclose(pipe);
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	return output;
}

void fixture_add_pump(struct journal *journal, uint32_t detector) {
	static const char *const channels[] = { "pressure", "flow" };
	static const char *const units[] = { "bar", "l/s" };
	char name[32], series[64];

	snprintf(name, sizeof(name), "pump%u", detector);
	assert_int_equal(journal_detector(journal, &(struct detector_row){ .id = detector,
							   .name = span_text(name),
							   .source = SPAN("plant"),
							   .step_ms = STEP_MS,
							   .latitude = NAN,
							   .longitude = NAN }),
		0);
	for (uint32_t i = 0; i < 2; i++) {
		snprintf(series, sizeof(series), "%s/%s", name, channels[i]);
		assert_int_equal(
			journal_series(journal, &(struct series_row){ .id = 2 * detector - 1 + i,
							.detector = detector,
							.index = i,
							.channel = span_text(channels[i]),
							.name = span_text(series),
							.unit = span_text(units[i]) }),
			0);
	}
}

void fixture_add_reading(struct journal *journal, uint32_t series, int64_t time_ms, double value,
	uint64_t sequence) {
	assert_int_equal(journal_reading(journal, &(struct reading_row){ .series = series,
							  .time_ms = time_ms,
							  .value = value,
							  .sequence = sequence }),
		0);
}

void fixture_add_forecast(
	struct journal *journal, uint32_t series, int64_t issued_ms, double value) {
	struct text json = { 0 };

	text_add_format(&json,
		"{\"series\":\"s%u\",\"issued\":%.3f,\"step\":60,\"horizon\":3,\"unit\":\"bar\","
		"\"status\":\"ok\",\"seen\":9,\"observed\":%.17g,\"mean\":[%g,%g,%g],\"quantiles\":"
		"{",
		series, (double)issued_ms / 1000, value, value + 1, value + 2, value + 3);
	for (int q = 1; q <= 9; q++)
		text_add_format(&json, "%s\"0.%d\":[%g,%g,%g]", q > 1 ? "," : "", q,
			value + 1 + (q - 5) / 10.0, value + 2 + (q - 5) / 10.0,
			value + 3 + (q - 5) / 10.0);
	text_add(&json, SPAN("},\"anomaly\":0.3,\"skill\":0.41,\"model\":\"base-3\"}"));
	assert_false(text_failed(&json));
	assert_int_equal(journal_forecast(journal, &(struct forecast_row){ .series = series,
							   .issued_ms = issued_ms,
							   .json = text_span(&json) }),
		0);
	text_finish(&json);
}

void fixture_commit(struct store *store, struct journal *journal) {
	if (store_commit(store, journal) < 0)
		fail_msg("store_commit: %s", store_message(store));
	journal_reset(journal);
}
