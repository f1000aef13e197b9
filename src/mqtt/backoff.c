/* SPDX-License-Identifier: Apache-2.0 */
#include "backoff.h"

int64_t backoff_ms(struct random *random, unsigned min_ms, unsigned max_ms, unsigned failures) {
	int64_t longest = min_ms;

	for (unsigned i = 1; i < failures && longest < max_ms; i++)
		longest *= 2;
	if (longest > max_ms)
		longest = max_ms;
	return longest / 2 + (int64_t)(random_uniform(random) * (double)(longest - longest / 2));
}
