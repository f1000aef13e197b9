/* SPDX-License-Identifier: Apache-2.0 */
#include "axis.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* Decimals beyond which, and sizes from which, labels go over to exponents. */
#define DECIMALS_MAX 6
#define LARGE        1e7

double axis_value_step(double range, int most) {
	double power = pow(10, floor(log10(range / most)));

	/* A little slack, so that rounding does not push an exact fit to the next step. */
	for (int i = 0;; i++) {
		static const double steps[] = { 1, 2, 5 };
		double step = steps[i % 3] * power * pow(10, i / 3);
		if (range / step <= most * (1 + 1e-9))
			return step;
	}
}

void axis_value_label(char label[AXIS_LABEL_MAX], double value, double step) {
	int decimals = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;

	if (fabs(value) < step * 1e-6)
		value = 0;
	if (decimals > DECIMALS_MAX || fabs(value) >= LARGE)
		snprintf(label, AXIS_LABEL_MAX, "%.3g", value);
	else
		snprintf(label, AXIS_LABEL_MAX, "%.*f", decimals, value);
}

void axis_number(char label[AXIS_LABEL_MAX], double value) {
	double size = fabs(value);

	if (size >= 999.5 && size < LARGE)
		snprintf(label, AXIS_LABEL_MAX, "%.0f", value);
	else if (size == 0 || (size >= 1e-3 && size < LARGE))
		snprintf(label, AXIS_LABEL_MAX, "%#.4g", value);
	else
		snprintf(label, AXIS_LABEL_MAX, "%.3g", value);
}

int64_t axis_time_step(int64_t range_ms, int most) {
	static const int64_t steps[] = { SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND,
		30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
		HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (range_ms / steps[i] <= most)
			return steps[i];
	}
	return (range_ms / most + DAY - 1) / DAY * DAY;
}

static struct tm local(int64_t time_ms) {
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm broken;

	localtime_r(&seconds, &broken);
	return broken;
}

int64_t axis_time_first(int64_t time_ms, int64_t step_ms) {
	int64_t offset = local(time_ms).tm_gmtoff * SECOND;
	int64_t from = time_ms + offset;

	return (from + step_ms - 1) / step_ms * step_ms - offset;
}

void axis_time_label(char label[AXIS_LABEL_MAX], int64_t time_ms, int64_t step_ms) {
	struct tm broken = local(time_ms);
	size_t length;

	if (step_ms % DAY == 0 || (broken.tm_hour == 0 && broken.tm_min == 0 && broken.tm_sec == 0))
		length = strftime(label, AXIS_LABEL_MAX, "%b %e", &broken);
	else if (step_ms % MINUTE != 0)
		length = strftime(label, AXIS_LABEL_MAX, "%H:%M:%S", &broken);
	else
		length = strftime(label, AXIS_LABEL_MAX, "%H:%M", &broken);
	if (length == 0)
		label[0] = '\0';
}
