/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>

static struct registry *make_registry(uint32_t detectors, uint32_t series, uint32_t channels) {
	struct registry_limits limits = registry_limits_default();
	struct registry *registry;

	limits.detectors_max = detectors;
	limits.series_max = series;
	limits.channels_max = channels;
	assert_int_equal(registry_create(&registry, &limits, 42), 0);
	return registry;
}

static int add(struct registry *registry, const char *detector_name, const char *channel_name,
	struct detector **ret_detector, uint32_t *ret_channel) {
	struct clock_options options = clock_options_default();

	int r = registry_find_or_add_detector(
		registry, span_text(detector_name), &options, ret_detector);
	return r < 0 ? r
		     : registry_find_or_add_channel(registry, *ret_detector,
			       span_text(channel_name), SPAN_EMPTY, ret_channel);
}

static void names_lead_to_the_same_series_again(void **state) {
	struct registry *registry = make_registry(100, 100, 64);
	struct detector *detector, *again;
	uint32_t channel, same;
	(void)state;

	assert_int_equal(add(registry, "north/pump7", "pressure", &detector, &channel), 1);
	assert_int_equal(add(registry, "north/pump7", "flow", &again, &same), 1);
	assert_ptr_equal(detector, again);
	assert_int_equal(same, 1);
	assert_int_equal(add(registry, "north/pump7", "pressure", &again, &same), 0);
	assert_int_equal(same, channel);
	assert_int_equal(registry_detector_count(registry), 1);
	assert_int_equal(registry_series_count(registry), 2);
	assert_ptr_equal(registry_find_detector(registry, SPAN("north/pump7")), detector);
	assert_null(registry_find_detector(registry, SPAN("north")));
	registry_destroy(registry);
}

static void ids_and_full_names_find_series(void **state) {
	struct registry *registry = make_registry(100, 100, 64);
	struct detector *detector;
	uint32_t channel;
	char name[SERIES_NAME_MAX];
	(void)state;

	add(registry, "a", "x", &detector, &channel);
	add(registry, "b/c", "x", &detector, &channel);
	add(registry, "b/c", "y", &detector, &channel);
	assert_int_equal(registry_last_series_id(registry), 3);
	assert_int_equal(detector_channel_series(detector, 1), 3);
	assert_ptr_equal(registry_series(registry, 3).detector, detector);
	assert_int_equal(registry_series(registry, 3).channel, 1);
	assert_true(span_equal(registry_series_name(registry, 3, name), SPAN("b/c/y")));
	assert_string_equal(name, "b/c/y");
	assert_int_equal(registry_series_name(registry, 4, name).length, 0);

	assert_int_equal(registry_find_series(registry, SPAN("b/c/y")).channel, 1);
	assert_ptr_equal(registry_find_series(registry, SPAN("b/c/y")).detector, detector);
	assert_null(registry_find_series(registry, SPAN("b/c/z")).detector);
	assert_null(registry_find_series(registry, SPAN("b/c")).detector);
	assert_null(registry_find_series(registry, SPAN("y")).detector);
	assert_null(registry_find_series(registry, SPAN_EMPTY).detector);
	assert_null(registry_series(registry, 0).detector);
	assert_null(registry_detector(registry, 0));
	assert_null(registry_detector(registry, 3));
	registry_destroy(registry);
}

static void limits_refuse_by_name_and_leave_the_rest_working(void **state) {
	struct registry *registry = make_registry(3, 5, 2);
	struct detector *detector;
	uint32_t channel;
	(void)state;

	assert_int_equal(add(registry, "a", "x", &detector, &channel), 1);
	assert_int_equal(add(registry, "a", "y", &detector, &channel), 1);
	assert_int_equal(add(registry, "a", "z", &detector, &channel), E_TOO_MANY_CHANNELS);
	assert_int_equal(add(registry, "b", "x", &detector, &channel), 1);
	assert_int_equal(add(registry, "b", "y", &detector, &channel), 1);
	assert_int_equal(add(registry, "c", "x", &detector, &channel), 1);
	assert_int_equal(add(registry, "c", "y", &detector, &channel), E_TOO_MANY_SERIES);
	assert_int_equal(add(registry, "d", "x", &detector, &channel), E_TOO_MANY_SERIES);
	assert_int_equal(add(registry, "a", "y", &detector, &channel), 0);
	assert_int_equal(registry_series_count(registry), 5);
	assert_int_equal(registry_detector_count(registry), 3);
	registry_destroy(registry);
}

static void a_million_names_meet_the_limit_not_the_memory(void **state) {
	struct registry *registry = make_registry(1000, 1000, 64);
	struct detector *detector;
	uint32_t channel;
	int refused = 0;
	(void)state;

	for (int i = 0; i < 1000000; i++) {
		char name[24];
		snprintf(name, sizeof(name), "d%d", i);
		refused += add(registry, name, "x", &detector, &channel) == E_TOO_MANY_SERIES;
	}
	assert_int_equal(refused, 999000);
	assert_int_equal(registry_detector_count(registry), 1000);
	registry_destroy(registry);
}

static void wrong_names_are_refused(void **state) {
	struct registry *registry = make_registry(10, 10, 10);
	struct detector *detector;
	uint32_t channel;
	(void)state;

	assert_int_equal(add(registry, "", "x", &detector, &channel), E_NAME);
	assert_int_equal(add(registry, "a#", "x", &detector, &channel), E_NAME);
	assert_int_equal(add(registry, "a\xff", "x", &detector, &channel), E_ENCODING);
	assert_int_equal(registry_detector_count(registry), 0);
	assert_int_equal(add(registry, "a", "x/y", &detector, &channel), E_NAME);
	assert_int_equal(registry_series_count(registry), 0);
	registry_destroy(registry);
}

static void a_unit_is_taken_once(void **state) {
	struct registry *registry = make_registry(10, 10, 10);
	struct detector *detector;
	uint32_t channel;
	(void)state;

	add(registry, "a", "x", &detector, &channel);
	assert_int_equal(detector_channel_unit(detector, 0).length, 0);
	registry_find_or_add_channel(registry, detector, SPAN("x"), SPAN("bad\n"), &channel);
	assert_int_equal(detector_channel_unit(detector, 0).length, 0);
	registry_find_or_add_channel(registry, detector, SPAN("x"), SPAN("°C"), &channel);
	registry_find_or_add_channel(registry, detector, SPAN("x"), SPAN("K"), &channel);
	assert_true(span_equal(detector_channel_unit(detector, 0), SPAN("°C")));
	registry_destroy(registry);
}

static void what_was_stored_is_restored_under_its_ids(void **state) {
	struct registry *registry = make_registry(10, 10, 10);
	struct clock_options options = clock_options_default();
	struct detector *detector, *other;
	uint32_t channel;
	(void)state;

	assert_int_equal(registry_restore_detector(registry, 7, SPAN("a"), &options, &detector), 0);
	assert_int_equal(
		registry_restore_series(registry, detector, 20, SPAN("x"), SPAN("bar")), 0);
	assert_int_equal(registry_restore_series(registry, detector, 22, SPAN("y"), SPAN_EMPTY), 0);
	assert_int_equal(
		registry_restore_detector(registry, 7, SPAN("b"), &options, &other), E_CORRUPT);
	assert_int_equal(
		registry_restore_detector(registry, 8, SPAN("a"), &options, &other), E_CORRUPT);
	assert_int_equal(
		registry_restore_detector(registry, 0, SPAN("b"), &options, &other), E_CORRUPT);
	assert_int_equal(
		registry_restore_detector(registry, UINT32_MAX, SPAN("b"), &options, &other),
		E_CORRUPT);
	assert_int_equal(
		registry_restore_series(registry, detector, 20, SPAN("z"), SPAN_EMPTY), E_CORRUPT);
	assert_int_equal(
		registry_restore_series(registry, detector, 23, SPAN("x"), SPAN_EMPTY), E_CORRUPT);

	assert_null(registry_detector(registry, 3));
	assert_null(registry_series(registry, 21).detector);
	assert_int_equal(registry_series(registry, 22).channel, 1);
	assert_true(span_equal(detector_channel_unit(detector, 0), SPAN("bar")));

	/* What is new goes on from there. */
	assert_int_equal(add(registry, "b", "x", &other, &channel), 1);
	assert_int_equal(detector_id(other), 8);
	assert_int_equal(detector_channel_series(other, 0), 23);
	assert_int_equal(registry_detector_count(registry), 2);
	registry_destroy(registry);
}

static void waiting_readings_have_a_bound(void **state) {
	struct registry_limits limits = registry_limits_default();
	struct clock_options options = every(60000);
	struct registry *registry;
	struct detector *detectors[2];
	struct tick tick;
	uint32_t channel;
	int accepted = 0, pulled = 0;
	(void)state;

	limits.waiting_max = 50;
	assert_int_equal(registry_create(&registry, &limits, 1), 0);
	for (int i = 0; i < 2; i++) {
		registry_find_or_add_detector(
			registry, i ? SPAN("b") : SPAN("a"), &options, &detectors[i]);
		registry_find_or_add_channel(
			registry, detectors[i], SPAN("x"), SPAN_EMPTY, &channel);
	}
	for (int i = 0; i < 100; i++) {
		struct arrival arrival = { TIME_NONE, (uint64_t)i };
		int r = detector_put(
			detectors[i % 2], 0, 1790000040000 + i / 2 * 60000, i, &arrival);
		assert_true(r == 0 || r == E_OVERFLOW);
		accepted += r == 0;
		assert_int_equal(registry_waiting(registry), accepted);
	}
	assert_true(accepted >= 48 && accepted <= 50);
	for (int i = 0; i < 2; i++) {
		while (detector_next_tick(detectors[i], &tick))
			pulled++;
	}
	assert_int_equal(pulled, accepted);
	assert_int_equal(registry_waiting(registry), 0);
	struct arrival arrival = { TIME_NONE, 1000 };
	assert_int_equal(detector_put(detectors[0], 0, 1790000040000 + 60 * 60000, 1, &arrival), 0);
	registry_destroy(registry);
}

static void destroying_nothing_is_fine(void **state) {
	(void)state;
	registry_destroy(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lead_to_the_same_series_again),
		cmocka_unit_test(ids_and_full_names_find_series),
		cmocka_unit_test(limits_refuse_by_name_and_leave_the_rest_working),
		cmocka_unit_test(a_million_names_meet_the_limit_not_the_memory),
		cmocka_unit_test(wrong_names_are_refused),
		cmocka_unit_test(a_unit_is_taken_once),
		cmocka_unit_test(what_was_stored_is_restored_under_its_ids),
		cmocka_unit_test(waiting_readings_have_a_bound),
		cmocka_unit_test(destroying_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
