/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void make_database(const struct fixture *fixture) {
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	fixture_add_pump(&journal, 1);
	fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
}

/* Runs statements with the sqlite3 shell. */
static void meddle(const struct fixture *fixture, const char *sql) {
	int status;

	fixture_shell(&status, "sqlite3 '%s' \"%s\"", fixture->path, sql);
	assert_int_equal(status, 0);
}

/* What the first version of the schema had otherwise. */
static const char first_version[] =
	"DROP VIEW accuracy; ALTER TABLE score DROP COLUMN skill_seasonal;"
	"CREATE VIEW accuracy AS SELECT 1;"
	"INSERT INTO score VALUES(1,1,40,0.5,0.7,-0.1,0.2,0.8,0.9,0.3,1000);"
	"DROP VIEW neighbours; DROP VIEW neighbour_gains; DROP TABLE neighbourhood;"
	"DROP TABLE neighbour; DROP TABLE neighbour_gain; DROP TABLE batch;"
	"UPDATE meta SET value='1' WHERE key='schema_version'";

/* Tables with their columns, and views as they are written, by name. */
static const char schema_sql[] =
	"SELECT (SELECT group_concat(line) FROM (SELECT m.name||'('||c.name||' '||c.type||' "
	"'||c.pk||')'"
	" AS line FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type='table'"
	" ORDER BY m.name, c.cid))||(SELECT group_concat(sql)"
	" FROM (SELECT sql FROM sqlite_schema WHERE type='view' ORDER BY name))";

static void a_database_of_the_first_version_becomes_one_of_this(void **state) {
	const struct fixture *fixture = *state;
	struct text fresh = { 0 };

	make_database(fixture);
	text_add(&fresh, span_text(fixture_ask(fixture, schema_sql)));
	text_add_char(&fresh, 0);
	meddle(fixture, first_version);

	struct query *query;
	assert_int_equal(query_open(&query, fixture->path), E_VERSION);
	store_close(fixture_open(fixture));
	assert_string_equal(fixture_ask(fixture, schema_sql), fresh.data);
	assert_string_equal(
		fixture_ask(fixture, "SELECT value FROM meta WHERE key='schema_version'"), "6");
	assert_string_equal(
		fixture_ask(fixture, "SELECT series||' '||lead||' '||n||' '||mae||' '||pinball||' '"
				     "||coalesce(skill_seasonal,'-') FROM accuracy"),
		"pump1/pressure 1 40 0.5 0.3 -");
	text_finish(&fresh);
}

static void an_upgrade_that_fails_changes_nothing(void **state) {
	const struct fixture *fixture = *state;
	struct store *store;

	make_database(fixture);
	meddle(fixture, first_version);
	meddle(fixture, "DROP VIEW accuracy"); /* which the upgrade wants to drop */
	assert_true(store_open(&store, &(struct store_options){ .path = fixture->path }, NULL) < 0);
	assert_string_equal(fixture_shell(&(int){ 0 },
				    "sqlite3 '%s' \"SELECT value,"
				    " (SELECT count(*) FROM pragma_table_info('score')) FROM meta"
				    " WHERE key='schema_version'\"",
				    fixture->path),
		"1|11");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_database_of_the_first_version_becomes_one_of_this),
		FIXTURE_TEST(an_upgrade_that_fails_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
