/* SPDX-License-Identifier: Apache-2.0 */
/* The sLSTM cell: equations 8 to 18 of Beck et al. 2024 with a logistic forget gate. */
#include "functions.h"
#include "kernels.h"

static inline void cell_at(const struct slstm_step *step, size_t at, size_t left) {
	const float *gates = step->gates + at;
	vec input = vec_load_up_to(gates, left);
	vec forget = vec_load_up_to(gates + step->units, left);
	vec candidate = vec_tanh(vec_load_up_to(gates + 2 * step->units, left));
	vec output = vec_load_up_to(gates + 3 * step->units, left);
	vec n = vec_load_up_to(step->normaliser + at, left);
	vec m = vec_load_up_to(step->stabiliser + at, left);

	/* One of the two scaled gates is 1, the other e^-|difference|. A unit that has seen nothing
	 * (n = 0, decided for each on its own) takes the input gate and forgets nothing. */
	vec kept = vec_log_sigmoid(forget) + m;
	vec smaller = vec_exp_minus_abs(input - kept);
	vec one = vec_all(1.0f);
	vec take = vec_if_zero(n, one, vec_if_less(input, kept, smaller, one));
	vec keep = vec_if_zero(n, (vec){ 0 }, vec_if_less(input, kept, one, smaller));
	m = vec_if_zero(n, input, vec_max(input, kept));

	vec c = keep * vec_load_up_to(step->cell + at, left) + take * candidate;
	n = keep * n + take;
	/* sigmoid(output) * c / n in one division. */
	vec e = vec_exp_minus_abs(output);
	vec h = c * vec_if_less(output, (vec){ 0 }, e, one) / (n * (e + 1.0f));

	vec_store_up_to(step->hidden + at, h, left);
	vec_store_up_to(step->cell + at, c, left);
	vec_store_up_to(step->normaliser + at, n, left);
	vec_store_up_to(step->stabiliser + at, m, left);
}

void KERNEL(slstm_cell)(const struct slstm_step *step) {
	size_t i = 0;
	for (; i + LANES <= step->units; i += LANES)
		cell_at(step, i, LANES);
	if (i < step->units)
		cell_at(step, i, step->units - i);
}
