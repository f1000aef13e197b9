/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* TLS, a client certificate and a password, and that none of it shows. */

#define PASSWORD "correct horse"

static struct broker broker;
static struct process process;

static int start(void **state) {
	(void)state;
	system_broker(&broker, &(struct broker_options){ .tls = true,
				       .client_certificates = true,
				       .user = "sensor",
				       .password = PASSWORD });
	process_create(&process, &broker, "");
	return 0;
}

static int finish(void **state) {
	(void)state;
	process_finish(&process);
	broker_finish(&broker);
	return 0;
}

/* The configuration with this authority, and the password in a file or nowhere. */
static void configure(const char *authority, bool password_file) {
	char lines[1024];

	snprintf(lines, sizeof(lines),
		"[source plant]\ntopic = plant/{detector}/{channel}\n"
		"[mqtt]\nca_file = %s\ncert_file = %s\nkey_file = %s\nuser = sensor\n%s%s\n",
		broker_file(&broker, authority), broker_file(&broker, "client.crt"),
		broker_file(&broker, "client.key"), password_file ? "password_file = " : "",
		password_file ? process_file(&process, "password") : "");
	process_configure(&process, &broker, lines);
}

static void write_file(const char *path, const char *text) {
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* Publishes as somebody else's client would. */
static void publish(const char *topic, const char *payload) {
	char command[1024];

	snprintf(command, sizeof(command),
		"mosquitto_pub -h localhost -p %d -u sensor -P '%s' --cafile %s --cert %s"
		" --key %s -q 1 -t '%s' -m '%s'",
		broker.port, PASSWORD, broker_file(&broker, "ca.crt"),
		broker_file(&broker, "client.crt"), broker_file(&broker, "client.key"), topic,
		payload);
	assert_int_equal(system(command), 0);
}

static void a_password_from_a_file_lets_us_in(void **state) {
	(void)state;
	write_file(process_file(&process, "password"), PASSWORD "\n");
	configure("ca.crt", true);
	process_start(&process);
	assert_true(process_await(&process, "broker connected", PATIENCE_MS));
	for (int i = 0; i < 50; i++) {
		publish("plant/a/b", "1.5");
		if (process_query_number(&process, "SELECT count(*) FROM reading") > 0)
			break;
	}
	assert_true(process_query_number(&process, "SELECT count(*) FROM reading") > 0);
	process_stop(&process);
}

static void a_credential_of_the_service_manager_does_too(void **state) {
	char folder[128];

	(void)state;
	snprintf(folder, sizeof(folder), "%s", process.folder);
	write_file(process_file(&process, "xlstmd.mqtt-password"), PASSWORD);
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	configure("ca.crt", false);
	process_start(&process);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_true(process_await(&process, "broker connected", PATIENCE_MS));
	process_stop(&process);
}

/* Whether the command succeeds. */
static bool shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool shell(const char *format, ...) {
	char command[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	return system(command) == 0;
}

static void start_connected(void) {
	write_file(process_file(&process, "password"), PASSWORD "\n");
	configure("ca.crt", true);
	process_start(&process);
	assert_true(process_await(&process, "broker connected", PATIENCE_MS));
}

static void everybody_may_look_at_its_command_line_and_environment(void **state) {
	(void)state;
	start_connected();
	assert_true(shell("grep -aq xlstmd /proc/%d/cmdline", process.pid));
	assert_false(shell("grep -aq '%s' /proc/%d/cmdline /proc/%d/environ /proc/%d/comm",
		PASSWORD, process.pid, process.pid, process.pid));
}

static void it_listens_to_nobody_and_talks_to_the_broker_alone(void **state) {
	(void)state;
	assert_false(shell("ss -Htulnp | grep -q 'pid=%d,'", process.pid));
	assert_true(shell("ss -Htunp | grep 'pid=%d,' | grep -q ':%d '", process.pid, broker.port));
	assert_false(
		shell("ss -Htunp | grep 'pid=%d,' | grep -qv ':%d '", process.pid, broker.port));
	process_stop(&process);
}

/* tests/daemon/test_secret.c shows that others leave one here. */
static void it_leaves_no_core_dump(void **state) {
	struct rlimit before, any = { RLIM_INFINITY, RLIM_INFINITY };

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_CORE, &before), 0);
	any.rlim_max = before.rlim_max;
	any.rlim_cur = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_CORE, &any), 0);
	assert_int_equal(chdir(process.folder), 0);
	start_connected();
	process_signal(&process, SIGABRT); /* shells may let what they start ignore SIGQUIT */
	assert_int_equal(process_wait(&process, PATIENCE_MS), -SIGABRT);
	assert_false(shell("ls %s | grep -q '^core'", process.folder));
	assert_int_equal(setrlimit(RLIMIT_CORE, &before), 0);
}

/* No shell and no other program: the functions are not even linked. (Those of a sanitizer are.) */
static void it_can_start_no_other_program(void **state) {
	(void)state;
	if (SANITIZED)
		skip();
	assert_true(shell("nm -D --undefined-only %s | grep -q ' read'", getenv("XLSTMD")));
	assert_false(shell(
		"nm -D --undefined-only %s | grep -Eq"
		" ' (system|popen|wordexp|exec[lv]p?e?|fexecve|posix_spawnp?|v?fork|dlopen)(@|$)'",
		getenv("XLSTMD")));
}

static void a_broker_of_an_unknown_authority_is_not_trusted(void **state) {
	(void)state;
	configure("stranger.crt", true);
	process_start(&process);
	assert_true(process_await(&process, "broker away", PATIENCE_MS));
	assert_false(process_await(&process, "broker connected", 1000));
	assert_true(process_logged(&process, "broker: no connection"));
	process_stop(&process);
}

static void a_wrong_password_is_told(void **state) {
	(void)state;
	write_file(process_file(&process, "password"), "wrong");
	configure("ca.crt", true);
	process_start(&process);
	assert_false(process_await(&process, "broker connected", 1000));
	process_stop(&process);
}

static void a_password_file_that_is_not_there_starts_nothing(void **state) {
	(void)state;
	unlink(process_file(&process, "password"));
	process_spawn(&process);
	assert_int_equal(process_wait(&process, PATIENCE_MS), 78);
	assert_true(process_logged(&process, "password file"));
}

static void no_secret_shows(void **state) {
	char command[256];

	(void)state;
	assert_false(process_logged(&process, PASSWORD));
	snprintf(command, sizeof(command), "grep -aq '%s' %s*", PASSWORD,
		process_file(&process, "xlstmd.db"));
	assert_int_not_equal(system(command), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_from_a_file_lets_us_in),
		cmocka_unit_test(a_credential_of_the_service_manager_does_too),
		cmocka_unit_test(everybody_may_look_at_its_command_line_and_environment),
		cmocka_unit_test(it_listens_to_nobody_and_talks_to_the_broker_alone),
		cmocka_unit_test(it_leaves_no_core_dump),
		cmocka_unit_test(it_can_start_no_other_program),
		cmocka_unit_test(a_broker_of_an_unknown_authority_is_not_trusted),
		cmocka_unit_test(a_wrong_password_is_told),
		cmocka_unit_test(a_password_file_that_is_not_there_starts_nothing),
		cmocka_unit_test(no_secret_shows),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
