/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "secret.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/xlstmd-secret-XXXXXX";
static char path[128];

static int make_folder(void **state) {
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/password", folder);
	return 0;
}

static int remove_folder(void **state) {
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void put(const char *content, size_t length) {
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static void the_first_line_counts(void **state) {
	static const char *const contents[] = { "se cret", "se cret\n", "se cret\r\n",
		"se cret\nsecond line\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		struct text secret = { 0 };

		put(contents[i], strlen(contents[i]));
		assert_int_equal(secret_read(path, &secret), 0);
		assert_string_equal(secret.data, "se cret");
		secret_forget(&secret);
		assert_null(secret.data);
	}
}

static void what_holds_no_secret_is_refused(void **state) {
	struct text secret = { 0 };
	char large[5000];

	(void)state;
	assert_int_equal(secret_read("/nonexistent/file", &secret), -ENOENT);
	put("", 0);
	assert_int_equal(secret_read(path, &secret), E_EMPTY);
	secret_forget(&secret);
	put("\nsecond", 7);
	assert_int_equal(secret_read(path, &secret), E_EMPTY);
	secret_forget(&secret);
	put("a\0b", 3);
	assert_int_equal(secret_read(path, &secret), E_EMPTY);
	secret_forget(&secret);
	memset(large, 'x', sizeof(large));
	put(large, sizeof(large));
	assert_int_equal(secret_read(path, &secret), E_TOO_LARGE);
	secret_forget(&secret);
}

static void credentials_are_found_by_name(void **state) {
	struct text found = { 0 };

	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_false(secret_credential_path("password", &found));
	put("x", 1);
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	assert_true(secret_credential_path("password", &found));
	assert_string_equal(found.data, path);
	text_reset(&found);
	assert_false(secret_credential_path("other", &found));
	text_finish(&found);
	unsetenv("CREDENTIALS_DIRECTORY");
}

/* Ends a process of its own with what makes a core dump elsewhere; whether it made one. */
static bool dumps_core(bool sealed) {
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit any = { RLIM_INFINITY, RLIM_INFINITY };

		if (chdir(folder) < 0 || setrlimit(RLIMIT_CORE, &any) < 0 ||
			(sealed && secret_seal_process() < 0))
			_exit(1);
		signal(SIGQUIT, SIG_DFL);
		raise(SIGQUIT);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return WCOREDUMP(status);
}

static void a_sealed_process_leaves_no_core(void **state) {
	(void)state;
	if (!dumps_core(false)) {
		print_message("nothing here leaves a core dump\n");
		skip();
	}
	assert_false(dumps_core(true));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_counts),
		cmocka_unit_test(what_holds_no_secret_is_refused),
		cmocka_unit_test(credentials_are_found_by_name),
		cmocka_unit_test(a_sealed_process_leaves_no_core),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
