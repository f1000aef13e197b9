/* SPDX-License-Identifier: Apache-2.0 */
#include "accuracy.h"

#include <math.h>

static const char *const names[ACCURACY_FIGURES] = {
	[ACCURACY_SKILL] = "skill",
	[ACCURACY_SKILL_SEASONAL] = "skill_seasonal",
	[ACCURACY_MASE] = "mase",
	[ACCURACY_COVERAGE80] = "coverage80",
};

/* Sums of what is known of each figure. */
struct sums {
	double n[ACCURACY_FIGURES], sum[ACCURACY_FIGURES];
};

static void add(struct sums *sums, const struct accuracy *accuracy) {
	for (int i = 0; i < ACCURACY_FIGURES; i++) {
		if (isnan(accuracy->figures[i]))
			continue;
		sums->n[i]++;
		sums->sum[i] += accuracy->figures[i];
	}
}

/* NAN where nothing is known. */
static struct accuracy mean_of(const struct sums *sums) {
	struct accuracy mean;
	for (int i = 0; i < ACCURACY_FIGURES; i++)
		mean.figures[i] = sums->sum[i] / sums->n[i];
	return mean;
}

struct accuracy accuracy_of_leads(const struct score *scores, uint32_t leads) {
	struct sums sums = { 0 };
	for (uint32_t i = 0; i < leads; i++)
		add(&sums, &(struct accuracy){ {
				   [ACCURACY_SKILL] = scores[i].skill,
				   [ACCURACY_SKILL_SEASONAL] = scores[i].skill_seasonal,
				   [ACCURACY_MASE] = scores[i].mase,
				   [ACCURACY_COVERAGE80] = scores[i].coverage80,
			   } });
	return mean_of(&sums);
}

void accuracy_write(const struct roster *roster, struct text *to) {
	struct sums sums = { 0 };
	for (uint32_t id = 0; id < roster->series_capacity; id++)
		add(&sums, &roster->series[id].accuracy);
	struct accuracy mean = mean_of(&sums);

	text_add_format(to, "{\"series\":%.0f", sums.n[ACCURACY_COVERAGE80]);
	for (int i = 0; i < ACCURACY_FIGURES; i++) {
		text_add_format(to, ",\"%s\":", names[i]);
		text_add_json_number(to, mean.figures[i]);
	}
	text_add_char(to, '}');
}
