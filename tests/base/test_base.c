/* SPDX-License-Identifier: Apache-2.0 */
/* The small ones: arena, checksum, errors, files, names, random numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arena.h"
#include "crc32c.h"
#include "error.h"
#include "file.h"
#include "name.h"
#include "random.h"
#include "record.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void arena_memory_is_apart_aligned_and_never_moves(void **state) {
	struct arena arena = { 0 };
	struct random random;
	unsigned char *taken[200];
	size_t sizes[200];
	(void)state;

	random_init(&random, 1);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 200; i++) {
			sizes[i] = random_next(&random) % 400;
			taken[i] = arena_take(&arena, sizes[i]);
			assert_non_null(taken[i]);
			assert_int_equal((uintptr_t)taken[i] % _Alignof(max_align_t), 0);
			memset(taken[i], i, sizes[i]);
		}
		for (int i = 0; i < 200; i++) {
			for (size_t j = 0; j < sizes[i]; j++)
				assert_int_equal(taken[i][j], i);
		}
		arena_reset(&arena);
	}
	assert_null(arena_take(&arena, SIZE_MAX / 2));
	assert_true(span_equal(arena_copy(&arena, SPAN("abc")), SPAN("abc")));
	assert_non_null(arena_copy(&arena, SPAN_EMPTY).data);
	arena_finish(&arena);
}

static void a_repeated_job_takes_no_new_memory(void **state) {
	struct arena arena = { 0 };
	(void)state;

	for (int i = 0; i < 100; i++)
		arena_take(&arena, 100);
	arena_reset(&arena);
	void *first = arena_take(&arena, 100);
	for (int i = 0; i < 1000; i++) {
		arena_reset(&arena);
		assert_ptr_equal(arena_take(&arena, 100), first);
	}
	arena_finish(&arena);
}

static void a_job_out_of_the_ordinary_leaves_no_memory_behind(void **state) {
	struct arena arena = { 0 };
	(void)state;

	for (int i = 0; i < 100; i++)
		assert_non_null(arena_take(&arena, ARENA_KEPT_MAX / 50));
	arena_reset(&arena);
	assert_null(arena.newest);
	assert_non_null(arena_take(&arena, ARENA_KEPT_MAX / 50));
	arena_reset(&arena);
	assert_non_null(arena.newest);
	arena_finish(&arena);
}

/* RFC 3720, appendix B.4. */
static void checksums_are_those_of_the_rfc(void **state) {
	unsigned char bytes[32];
	(void)state;

	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = (unsigned char)i;
	assert_int_equal(crc32c(0, bytes, 32), 0x46dd794e);
	for (size_t at = 0; at <= 32; at++)
		assert_int_equal(crc32c(crc32c(0, bytes, at), bytes + at, 32 - at), 0x46dd794e);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, NULL, 0), 0);
}

/* The definition, a bit at a time, from the polynomial of the RFC as it is printed there. */
static uint32_t checksum_by_bits(const unsigned char *bytes, size_t length) {
	uint32_t crc = 0xffffffff, result = 0;

	for (size_t bit = 0; bit < 8 * length; bit++) {
		uint32_t in = bytes[bit / 8] >> bit % 8 & 1;
		crc = (crc << 1) ^ ((crc >> 31 ^ in) ? 0x1edc6f41u : 0);
	}
	for (int bit = 0; bit < 32; bit++)
		result |= (crc >> bit & 1) << (31 - bit);
	return ~result;
}

/* Long data go another way than short ones. */
static void checksums_of_long_data_are_the_same(void **state) {
	static const size_t lengths[] = { 4000, 4095, 4096, 4097, 4119, 4120, 12345, 99990 };
	unsigned char *bytes = malloc(100000);
	struct random random;
	(void)state;

	random_init(&random, 1);
	for (size_t i = 0; i < 100000; i++)
		bytes[i] = (unsigned char)random_next(&random);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint32_t expected = checksum_by_bits(bytes + i, lengths[i]);
		size_t half = lengths[i] / 2 + i;

		assert_int_equal(crc32c(0, bytes + i, lengths[i]), expected);
		assert_int_equal(
			crc32c(crc32c(0, bytes + i, half), bytes + i + half, lengths[i] - half),
			expected);
	}
	free(bytes);
}

static void errors_have_names_and_indices(void **state) {
	(void)state;
	for (int i = 0; i < error_count(); i++) {
		int code = error_at(i);
		assert_true(code < -1000);
		assert_int_equal(error_index(code), i);
		for (int j = 0; j < i; j++) {
			assert_int_not_equal(code, error_at(j));
			assert_string_not_equal(error_name(code), error_name(error_at(j)));
		}
	}
	assert_string_equal(error_name(E_LATE), "late");
	assert_string_equal(error_name(-ENOSPC), "errno_28");
	assert_int_equal(error_index(-ENOSPC), -1);
	assert_string_equal(error_text(-ENOSPC), strerror(ENOSPC));
	/* Lists of refusals have room for all. */
	assert_true(error_count() <= 32);
}

static void names_of_detectors_and_channels_have_rules(void **state) {
	char longest[NAME_MAX_LENGTH + 1];
	static const struct {
		const char *name;
		int detector;
		int channel;
	} cases[] = { { "pump7", 0, 0 }, { "a", 0, 0 }, { "größe °C", 0, 0 },
		{ "north/pump7", 0, E_NAME }, { "a/b/c", 0, E_NAME }, { "", E_NAME, E_NAME },
		{ "/", E_NAME, E_NAME }, { "/a", E_NAME, E_NAME }, { "a/", E_NAME, E_NAME },
		{ "a//b", E_NAME, E_NAME }, { "a+b", E_NAME, E_NAME }, { "a#", E_NAME, E_NAME },
		{ "a\nb", E_NAME, E_NAME }, { "a\x7f", E_NAME, E_NAME },
		{ "a\xff", E_ENCODING, E_ENCODING }, { "\xc0\xaf", E_ENCODING, E_ENCODING } };
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span name = span_text(cases[i].name);
		assert_int_equal(name_check_detector(name), cases[i].detector);
		assert_int_equal(name_check_channel(name), cases[i].channel);
	}
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(name_check_detector(span_of(longest, NAME_MAX_LENGTH)), 0);
	assert_int_equal(name_check_detector(span_of(longest, NAME_MAX_LENGTH + 1)), E_NAME);
	assert_int_equal(name_check_channel(span_of(longest, NAME_MAX_LENGTH)), 0);
	assert_int_equal(name_check_channel(span_of(longest, NAME_MAX_LENGTH + 1)), E_NAME);
	assert_int_equal(name_check_channel(SPAN("a\0b")), E_NAME);
	assert_int_equal(name_check_detector(SPAN_EMPTY), E_NAME);
}

static void random_numbers_have_the_moments_they_should(void **state) {
	struct random random, again;
	double uniform = 0, mean = 0, square = 0;
	int count = 200000;
	(void)state;

	random_init(&random, 7);
	random_init(&again, 7);
	for (int i = 0; i < count; i++) {
		double u = random_uniform(&random), n = random_normal(&random);
		assert_true(u >= 0 && u < 1);
		assert_true(u == random_uniform(&again) && n == random_normal(&again));
		uniform += u / count;
		mean += n / count;
		square += n * n / count;
	}
	/* Five standard errors. */
	assert_true(fabs(uniform - 0.5) < 5 * sqrt(1.0 / 12 / count));
	assert_true(fabs(mean) < 5 / sqrt(count));
	assert_true(fabs(square - 1) < 5 * sqrt(2.0 / count));
	assert_true(random_seed() != random_seed());
}

struct folder {
	char path[64];
	char file[96];
};

static int make_folder(void **state) {
	struct folder *folder = calloc(1, sizeof(*folder));

	snprintf(folder->path, sizeof(folder->path), "/tmp/test_base.XXXXXX");
	if (!mkdtemp(folder->path))
		return -1;
	snprintf(folder->file, sizeof(folder->file), "%s/file", folder->path);
	*state = folder;
	return 0;
}

static int remove_folder(void **state) {
	struct folder *folder = *state;

	unlink(folder->file);
	int r = rmdir(folder->path); /* fails if anything else was left */
	free(folder);
	return r;
}

static void a_replaced_file_holds_the_new_content_and_mode(void **state) {
	struct folder *folder = *state;
	struct text text = { 0 };
	struct stat status;

	assert_int_equal(file_replace(folder->file, SPAN("one"), 0640), 0);
	assert_int_equal(file_replace(folder->file, SPAN("other"), 0600), 0);
	assert_int_equal(file_read(folder->file, 5, &text), 0);
	assert_true(span_equal(text_span(&text), SPAN("other")));
	assert_int_equal(stat(folder->file, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	text_finish(&text);
}

static void a_file_beyond_the_limit_is_refused(void **state) {
	struct folder *folder = *state;
	struct text text = { 0 };

	assert_int_equal(file_replace(folder->file, SPAN("12345"), 0600), 0);
	assert_int_equal(file_read(folder->file, 4, &text), E_TOO_LARGE);
	assert_int_equal(file_read("/nonexistent/file", 4, &text), -ENOENT);
	text_finish(&text);
}

static void replacing_where_one_may_not_leaves_nothing_behind(void **state) {
	(void)state;
	assert_int_equal(file_replace("/nonexistent/file", SPAN("x"), 0600), -ENOENT);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_memory_is_apart_aligned_and_never_moves),
		cmocka_unit_test(a_repeated_job_takes_no_new_memory),
		cmocka_unit_test(a_job_out_of_the_ordinary_leaves_no_memory_behind),
		cmocka_unit_test(checksums_are_those_of_the_rfc),
		cmocka_unit_test(checksums_of_long_data_are_the_same),
		cmocka_unit_test(errors_have_names_and_indices),
		cmocka_unit_test(names_of_detectors_and_channels_have_rules),
		cmocka_unit_test(random_numbers_have_the_moments_they_should),
		cmocka_unit_test_setup_teardown(
			a_replaced_file_holds_the_new_content_and_mode, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			a_file_beyond_the_limit_is_refused, make_folder, remove_folder),
		cmocka_unit_test(replacing_where_one_may_not_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
