/* SPDX-License-Identifier: Apache-2.0 */
/* Saved clocks. That ticks are the same with and without saving is asserted over random sequences in
 * tests/fuzz/fuzz_clock.c. */
#include "fixture.h"

#define MINUTE 60000
#define T0     INT64_C(1790000040000)

static struct text saved(struct fixture *f) {
	struct text state = { 0 };

	detector_save(f->detector, &state);
	assert_false(text_failed(&state));
	return state;
}

static void feed(struct fixture *f) {
	fixture_init(f, 2, every(0));
	for (int i = 0; i < 6; i++)
		assert_put(f, 0, T0 + i * MINUTE, i);
	assert_put(f, 1, T0 + 5 * MINUTE, 50);
	assert_true(pull(f));
}

static void a_loaded_clock_goes_on_where_the_saved_one_stood(void **state) {
	struct fixture before, after;
	(void)state;

	feed(&before);
	struct text bytes = saved(&before);
	fixture_init(&after, 2, every(0));
	assert_int_equal(detector_load(after.detector, text_span(&bytes)), 0);
	assert_int_equal(detector_step_ms(after.detector), MINUTE);
	assert_true(detector_step_is_known(after.detector));
	assert_int_equal(detector_newest_ms(after.detector), T0 + 5 * MINUTE);
	assert_int_equal(registry_waiting(after.registry), 6);
	for (int i = 1; i < 6; i++)
		assert_tick(&after, i, T0 + i * MINUTE, i);
	assert_true(pull(&after));
	assert_int_equal(after.tick.included[0], 2);
	after.message = 100;
	assert_int_equal(put(&after, 0, T0 + 5 * MINUTE, 5), E_DUPLICATE);
	assert_put(&after, 0, T0 + 7 * MINUTE, 7);
	assert_true(pull(&after));
	assert_int_equal(after.tick.number, 6);
	assert_int_equal(after.tick.included[0], 3);
	text_finish(&bytes);
	fixture_finish(&before);
	fixture_finish(&after);
}

static void a_fresh_clock_saves_and_loads(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 0, every(0));
	struct text bytes = saved(&f);
	assert_int_equal(detector_load(f.detector, text_span(&bytes)), 0);
	assert_int_equal(detector_newest_ms(f.detector), TIME_NONE);
	text_finish(&bytes);
	fixture_finish(&f);
}

static void channels_younger_than_the_state_start_fresh(void **state) {
	struct fixture before, after;
	(void)state;

	feed(&before);
	struct text bytes = saved(&before);
	fixture_init(&after, 3, every(0));
	assert_int_equal(detector_load(after.detector, text_span(&bytes)), 0);
	while (pull(&after))
		;
	after.message = 100;
	assert_put(&after, 2, T0 + 5 * MINUTE, 1);
	assert_true(pull(&after));
	assert_int_equal(after.tick.number, 5);
	assert_int_equal(after.tick.included[0], 4);
	text_finish(&bytes);
	fixture_finish(&before);
	fixture_finish(&after);
}

/* What does not fit is refused, and the clock is as it was. */
static void assert_refused(struct fixture *f, struct span bytes, int code) {
	struct text before = saved(f);

	int r = detector_load(f->detector, bytes);
	if (r != code)
		fail_msg("%d instead of %d", r, code);
	struct text after = saved(f);
	assert_true(span_equal(text_span(&before), text_span(&after)));
	text_finish(&before);
	text_finish(&after);
}

/* The times of a channel that has said nothing since the receiver's clock was set back are forgotten. */
static void a_clock_that_has_begun_again_saves_and_loads(void **state) {
	static const int64_t year = INT64_C(365) * 24 * 60 * MINUTE;
	struct fixture before, after;

	(void)state;
	fixture_init(&before, 2, every(MINUTE));
	assert_put(&before, 0, T0 + year, 1);
	assert_int_equal(put_along(&before, 1, T0 + year, 2), 0);
	assert_int_equal(detector_put_again(before.detector, 0, T0, 3, 10), 0);
	struct text bytes = saved(&before);
	fixture_init(&after, 2, every(MINUTE));
	assert_int_equal(detector_load(after.detector, text_span(&bytes)), 0);
	assert_int_equal(detector_newest_ms(after.detector), T0);
	while (pull(&before)) {
		assert_true(pull(&after));
		assert_int_equal(after.tick.number, before.tick.number);
		assert_int_equal(after.tick.time_ms, before.tick.time_ms);
		assert_int_equal(after.tick.included[0], before.tick.included[0]);
	}
	assert_no_tick(&after);
	assert_int_equal(after.tick.time_ms, T0);
	text_finish(&bytes);
	fixture_finish(&before);
	fixture_finish(&after);
}

static void damaged_and_foreign_states_are_refused(void **state) {
	struct fixture f, fewer, faster;
	(void)state;

	feed(&f);
	struct text bytes = saved(&f);
	for (size_t length = 0; length < bytes.length; length++)
		assert_refused(&f, span_of(bytes.data, length), E_CORRUPT);
	text_add_char(&bytes, 0);
	assert_refused(&f, text_span(&bytes), E_CORRUPT);
	bytes.length--;

	fixture_init(&fewer, 1, every(0));
	assert_refused(&fewer, text_span(&bytes), E_MISMATCH);
	fixture_init(&faster, 2, every(1000));
	assert_refused(&faster, text_span(&bytes), E_MISMATCH);

	bytes.data[8] = 2; /* the version */
	assert_refused(&f, text_span(&bytes), E_VERSION);
	bytes.data[8] = 1;
	bytes.data[0] ^= 1;
	assert_refused(&f, text_span(&bytes), E_CORRUPT);
	text_finish(&bytes);
	fixture_finish(&f);
	fixture_finish(&fewer);
	fixture_finish(&faster);
}

static void any_flipped_bit_is_refused_or_harmless(void **state) {
	struct fixture f;
	(void)state;

	feed(&f);
	struct text bytes = saved(&f);
	for (size_t bit = 0; bit < bytes.length * 8; bit++) {
		struct fixture other;

		fixture_init(&other, 2, every(0));
		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
		detector_load(other.detector, text_span(&bytes));
		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
		put(&other, 0, T0 + 9 * MINUTE, 1);
		for (int i = 0; i < 2000 && pull(&other); i++)
			;
		fixture_finish(&other);
	}
	text_finish(&bytes);
	fixture_finish(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loaded_clock_goes_on_where_the_saved_one_stood),
		cmocka_unit_test(a_fresh_clock_saves_and_loads),
		cmocka_unit_test(channels_younger_than_the_state_start_fresh),
		cmocka_unit_test(a_clock_that_has_begun_again_saves_and_loads),
		cmocka_unit_test(damaged_and_foreign_states_are_refused),
		cmocka_unit_test(any_flipped_bit_is_refused_or_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
