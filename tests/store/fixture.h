/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "query.h"
#include "store.h"

/* A folder of its own for each test, with a path for a database in it. */
struct fixture {
	char folder[64];
	char path[96];
	struct store *store; /* NULL unless the test began with an open database */
	struct journal journal; /* of the test, if it likes */
};

/* A row of a cmocka test list; OPEN_TEST: with the database made and open. */
#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define OPEN_TEST(name)    cmocka_unit_test_setup_teardown(name, fixture_setup_open, fixture_teardown)

int fixture_setup(void **state);
int fixture_setup_open(void **state);
int fixture_teardown(void **state);

/* Opens the fixture's database, or fails the test. */
struct store *fixture_open(const struct fixture *fixture);

/* Makes a database with detectors pump1 to pump<pumps>. */
void fixture_make(const struct fixture *fixture, uint32_t pumps);

/* Runs a statement with the sqlite3 shell, as a stranger would. */
void fixture_meddle(const struct fixture *fixture, const char *sql);

/* The first column of the first row of `sql`, read through query.h; "NULL" for a NULL, "" for no
 * row. The result lies in a buffer that the next call overwrites. */
const char *fixture_ask(const struct fixture *fixture, const char *sql);

/* Runs a shell command and gives what it writes to standard output, without the last line end, in a
 * buffer that the next call overwrites; *ret_status its exit status. */
const char *fixture_shell(int *ret_status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A detector "pump<d>" with the channels "pressure" and "flow": series 2d-1 and 2d, step 60 s. */
void fixture_add_pump(struct journal *journal, uint32_t detector);

void fixture_add_reading(
	struct journal *journal, uint32_t series, int64_t time_ms, double value, uint64_t sequence);

/* A forecast in the published form: 3 steps of a minute, quantiles around value. */
void fixture_add_forecast(
	struct journal *journal, uint32_t series, int64_t issued_ms, double value);

void fixture_commit(struct store *store, struct journal *journal);

#endif
