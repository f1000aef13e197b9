/* SPDX-License-Identifier: Apache-2.0 */
#include "period.h"
#include "random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH 600

/* A sharp pulse every `period` ticks on top of noise, or only noise for period 0. */
static void pulses(double *values, uint32_t period, double noise) {
	struct random random;
	random_init(&random, period + 1);
	for (uint32_t t = 0; t < LENGTH; t++) {
		double phase = period ? (double)(t % period) / period : 0;
		values[t] = 1e6 + (period ? 3 * exp(-30 * (phase - 0.4) * (phase - 0.4)) : 0) +
			    noise * random_normal(&random);
	}
}

static void periods_are_found_whatever_their_length(void **unused) {
	(void)unused;
	static const uint32_t periods[] = { 5, 7, 12, 24, 37, 96, 150 };
	double values[LENGTH], strength;
	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
		pulses(values, periods[i], 0.2);
		assert_int_equal(period_find(values, LENGTH, 200, &strength), periods[i]);
		assert_true(strength > 0.8 && strength <= 1.01);
	}
}

static void noise_and_walks_have_no_strong_period(void **unused) {
	(void)unused;
	double values[LENGTH], strength = 0;
	pulses(values, 0, 1);
	period_find(values, LENGTH, 200, &strength);
	assert_true(strength < 0.4);
}

static void constant_values_have_no_period(void **unused) {
	(void)unused;
	double values[LENGTH], strength = 0;
	for (int t = 0; t < LENGTH; t++)
		values[t] = 4.2e-12;
	assert_int_equal(period_find(values, LENGTH, 200, &strength), 0);
}

static void a_period_must_be_seen_three_times(void **unused) {
	(void)unused;
	double values[LENGTH], strength;
	pulses(values, 220, 0.1);
	assert_int_equal(period_find(values, LENGTH, 400, &strength), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(periods_are_found_whatever_their_length),
		cmocka_unit_test(noise_and_walks_have_no_strong_period),
		cmocka_unit_test(constant_values_have_no_period),
		cmocka_unit_test(a_period_must_be_seen_three_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
