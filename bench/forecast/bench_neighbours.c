/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long does it take to find neighbours by position, and how much memory do they need? Members all over
 * a country join a group, at positions that come in clusters, as towns do.
 */
#include "group.h"
#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TOWNS 200

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void measure(uint32_t members) {
	const struct group_key key = { SPAN("country"), SPAN("speed"), 24 };
	struct place *places = calloc(members, sizeof(*places));
	struct groups groups = { 0 };
	struct random random;
	random_init(&random, 1);
	for (uint32_t i = 0; places && i < members; i++) {
		double town = (double)(random_next(&random) % TOWNS);
		places[i] = place_on_globe(45 + town / 20 + 0.05 * random_normal(&random),
			5 + (double)((int)(town * 7) % 100) / 10 + 0.05 * random_normal(&random));
	}
	double began = now();
	for (uint32_t i = 0; places && i < members; i++)
		if (groups_join(&groups, &key, i + 1, &places[i]) < 0)
			exit(1);
	printf("%9u %8.3f %12.1f %9.2f\n", members, now() - began, 1e6 * (now() - began) / members,
		(double)groups.memory / members / 1024);
	groups_finish(&groups);
	free(places);
}

int main(void) {
	puts("  members  seconds  us/member  kB/member");
	measure(1000);
	measure(10000);
	measure(100000);
	return 0;
}
