/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "secret.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	(void)state;
	unlink(path);
	return rmdir(folder);
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

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_counts),
		cmocka_unit_test(what_holds_no_secret_is_refused),
		cmocka_unit_test(credentials_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
