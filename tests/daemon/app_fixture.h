/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DAEMON_APP_FIXTURE_H
#define TESTS_DAEMON_APP_FIXTURE_H

#include "app.h"
#include "fixture.h"

/*
 * The daemon's app with a real database in a folder of its own, as it is before its loop runs: nothing is connected, and
 * all happens when the test says so. Zero-initialised it has neither folder nor app. Whatever goes wrong fails the test.
 */
struct app_fixture {
	const char *model; /* file of the network; NULL: none */
	struct fixture *files;
	struct config *config;
	struct app app; /* not to be moved */
	bool runs;
};

/* The two of a test: one goes on, the other is started on what the first one has left. Their log is caught. */
extern struct app_fixture first, second;

#define APP_TEST(name)                                                                             \
	cmocka_unit_test_setup_teardown(name, app_fixture_setup, app_fixture_teardown)

int app_fixture_setup(void **state);
int app_fixture_teardown(void **state);

/* Configurations: states of 16 kB each; the source of the pumps. */
#define LEAN  "rows = lean\n"
#define PLANT "[source plant]\ntopic = plant/{detector}/{channel}\nstep = 1m\n"

/* Starts on what the folder holds, an empty one the first time. The configuration lacks what is the same in all tests:
 * the database's path, the network, no broker, no learning; it begins within [forecast]. */
void app_fixture_start(struct app_fixture *fixture, const char *configuration);

/* Ends as SIGKILL would: what has not been committed is lost. */
void app_fixture_kill(struct app_fixture *fixture);

/* Ends as asked: all that has changed is saved. */
void app_fixture_stop(struct app_fixture *fixture);

/* Files as SIGKILL at this moment would leave them, in the folder of another one that does not run. */
void app_fixture_copy(const struct app_fixture *from, struct app_fixture *to);

/* Ends it and removes the folder. */
void app_fixture_finish(struct app_fixture *fixture);

/* A message arrives in that minute, of which nothing is refused. */
void app_fixture_receive(
	struct app_fixture *fixture, const char *topic, unsigned minute, const char *payload);

/* The same with one reading of "SOURCE/DETECTOR/CHANNEL". */
void app_fixture_hear(
	struct app_fixture *fixture, const char *series, unsigned minute, double value);

/* The same from detectors pump1 to pump<count> of the source "plant", each with a value of its own. */
void app_fixture_hear_pumps(struct app_fixture *fixture, unsigned count, unsigned minute);

/* One batch of what waits steps; false: nothing waits. */
bool app_fixture_step_batch(struct app_fixture *fixture);

/* All that waits steps, batch after batch. */
void app_fixture_step(struct app_fixture *fixture);

/* So many minutes of pumps, one after the other. */
void app_fixture_run_pumps(
	struct app_fixture *fixture, unsigned count, unsigned from, unsigned minutes);

void app_fixture_commit(struct app_fixture *fixture);

/* Both hold the same states and neighbourhoods, bit for bit, the same latest forecasts, and the same ranges for what
 * comes next. */
void app_fixture_assert_same(struct app_fixture *fixture, struct app_fixture *other);

/* So is the state of a detector, "pump1", with its clock and each of its series. */
void app_fixture_assert_same_detector(
	struct app_fixture *fixture, struct app_fixture *other, const char *name);

void assert_same_text(const struct text *one, const struct text *other);

/* What is stored, as a number. */
long long app_fixture_count(const struct app_fixture *fixture, const char *sql);

#endif
