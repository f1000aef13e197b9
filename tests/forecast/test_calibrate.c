/* SPDX-License-Identifier: Apache-2.0 */
#include "calibrate.h"
#include "random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LEAD_MAX 64
#define TICKS    40000

/* What was issued for the lead, waiting for its observation. */
struct waiting {
	float quantiles[QUANTILES];
};

static void settle(
	struct calibrate *calibrate, uint32_t h, double y, double mean, const float *quantiles) {
	struct issued issued = {
		.centre = mean, .spread = 1, .unit = 1, .stride = 1, .quantiles = quantiles
	};
	calibrate_settle(calibrate, h, y, &issued);
}

/* Forecasts 0 for noise that overlaps as labels of long leads do: the observation at lead h is the
 * sum of the h innovations since. Counts how often it lay below each quantile. */
static void cover(uint32_t h, double (*draw)(struct random *), double shares[QUANTILES]) {
	struct random random;
	struct calibrate calibrate = { 0 };
	static struct waiting ring[LEAD_MAX];
	static double innovations[LEAD_MAX];
	double sum = 0;
	random_init(&random, h);
	for (int i = 0; i < QUANTILES; i++)
		shares[i] = 0;
	for (uint32_t t = 0; t < TICKS; t++) {
		double innovation = draw(&random);
		sum += innovation - (t >= h ? innovations[t % h] : 0);
		innovations[t % h] = innovation;
		struct waiting *issued = &ring[t % h];
		if (t >= h) {
			settle(&calibrate, h, sum, 0, issued->quantiles);
			for (int i = 0; i < QUANTILES && t >= TICKS / 4; i++)
				shares[i] += sum < (double)issued->quantiles[i];
		}
		calibrate_quantiles(&calibrate, 0, calibrate_size(&calibrate, 1, 1, 2),
			calibrate_normal, issued->quantiles);
	}
	for (int i = 0; i < QUANTILES; i++)
		shares[i] /= TICKS - TICKS / 4;
}

/* Exponential: skewed and heavier than normal. */
static double skewed(struct random *random) {
	return -log(1 - random_uniform(random));
}

static double heavy(struct random *random) {
	return random_normal(random) / fmax(fabs(random_normal(random)), 0.05);
}

static void observations_fall_below_each_quantile_as_often_as_it_says(void **unused) {
	(void)unused;
	static const uint32_t leads[] = { 1, 3, 24, 48 };
	double (*const draws[])(struct random *) = { random_normal, skewed, heavy };
	for (int d = 0; d < 3; d++) {
		for (int l = 0; l < 4; l++) {
			double shares[QUANTILES];
			cover(leads[l], draws[d], shares);
			for (int i = 0; i < QUANTILES; i++)
				assert_true(fabs(shares[i] - quantile_level(i)) < 0.02);
		}
	}
}

static void quantiles_of_normal_noise_are_those_of_the_normal_distribution(void **unused) {
	(void)unused;
	/* Abramowitz and Stegun, table 26.1 */
	static const double normal[QUANTILES] = { -1.28155, -0.84162, -0.52440, -0.25335, 0,
		0.25335, 0.52440, 0.84162, 1.28155 };
	struct random random;
	struct calibrate calibrate = { 0 };
	double mean[QUANTILES] = { 0 };
	float quantiles[QUANTILES];
	random_init(&random, 7);
	for (int t = 0; t < 20000; t++) {
		calibrate_quantiles(&calibrate, 5, calibrate_size(&calibrate, 1, 1, 2),
			calibrate_normal, quantiles);
		settle(&calibrate, 1, 5 + random_normal(&random), 5, quantiles);
		for (int i = 0; i < QUANTILES && t >= 10000; i++)
			mean[i] += (double)quantiles[i] / 10000;
	}
	for (int i = 0; i < QUANTILES; i++)
		assert_true(fabs(mean[i] - 5 - normal[i]) < 0.06);
}

static void quantiles_ascend_whatever_arrives(void **unused) {
	(void)unused;
	static const double flat[QUANTILES] = { -0.1, -0.1, -0.1, 0, 0, 0, 2, 2, 2 };
	struct random random;
	struct calibrate calibrate = { 0 };
	float quantiles[QUANTILES];
	random_init(&random, 8);
	for (int t = 0; t < 5000; t++) {
		const double *shape = t / 100 % 2 ? flat : calibrate_normal;
		calibrate_quantiles(
			&calibrate, 0, calibrate_size(&calibrate, 1, 1, 2), shape, quantiles);
		for (int i = 1; i < QUANTILES; i++)
			assert_true(quantiles[i] >= quantiles[i - 1]);
		double spike = t % 50 == 0 ? 1e6 : 1;
		settle(&calibrate, 1, spike * random_normal(&random), 0, quantiles);
	}
}

/* Before anything has arrived the quantiles are the shape that was told; a guess that counts for three
 * errors and three errors of twice its size give one and a half times its size. */
static void a_guess_counts_for_so_many_errors(void **unused) {
	(void)unused;
	static const double shape[QUANTILES] = { -1, -0.5, -0.25, 0, 0.5, 1, 2, 3, 5 };
	struct calibrate calibrate = { 0 };
	float quantiles[QUANTILES];
	calibrate_quantiles(&calibrate, 10, calibrate_size(&calibrate, 1, 4, 3), shape, quantiles);
	for (int i = 0; i < QUANTILES; i++)
		assert_true(fabs((double)quantiles[i] - (10 + 4 * shape[i])) < 1e-6);
	calibrate.errors = 3 * 8;
	calibrate.spreads = 3 * 4;
	assert_true(fabs(calibrate_size(&calibrate, 4, 4, 3) - 6) < 1e-12);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(observations_fall_below_each_quantile_as_often_as_it_says),
		cmocka_unit_test(quantiles_of_normal_noise_are_those_of_the_normal_distribution),
		cmocka_unit_test(quantiles_ascend_whatever_arrives),
		cmocka_unit_test(a_guess_counts_for_so_many_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
