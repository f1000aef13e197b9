/* SPDX-License-Identifier: Apache-2.0 */
/* The sLSTM cell: equations 8 to 18 of Beck et al. 2024 with a logistic forget gate. */
#include "functions.h"
#include "kernels.h"

/* saved: NULL outside of training. */
static inline __attribute__((always_inline)) void cell_at(
	const struct slstm_step *step, const struct slstm_saved *saved, size_t at, size_t left) {
	const float *gates = step->gates + at;
	vec input = vec_load_up_to(gates, left);
	vec forget = vec_load_up_to(gates + step->units, left);
	vec candidate = vec_tanh(vec_load_up_to(gates + 2 * step->units, left));
	vec output = vec_load_up_to(gates + 3 * step->units, left);
	vec n = vec_load_up_to(step->normaliser + at, left);
	vec m = vec_load_up_to(step->stabiliser + at, left);

	/* One of the two scaled gates is 1, the other e^-|difference|. A unit that has seen nothing
	 * (n = 0, decided for each on its own) takes the input gate and forgets nothing. */
	vec closing = vec_exp_minus_abs(forget);
	vec kept = vec_min((vec){ 0 }, forget) - vec_log1p(closing) + m;
	vec smaller = vec_exp_minus_abs(input - kept);
	vec one = vec_all(1.0f);
	vec take = vec_if_zero(n, one, vec_if_less(input, kept, smaller, one));
	vec keep = vec_if_zero(n, (vec){ 0 }, vec_if_less(input, kept, one, smaller));
	m = vec_if_zero(n, input, vec_max(input, kept));

	vec c_before = vec_load_up_to(step->cell + at, left), n_before = n;
	vec c = vec_fma(keep, c_before, take * candidate);
	n = vec_fma(keep, n, take);
	/* sigmoid(output) * c / n in one division. */
	vec e = vec_exp_minus_abs(output);
	vec open = vec_if_less(output, (vec){ 0 }, e, one);
	vec h = c * open / (n * (e + 1.0f));

	if (saved) {
		vec_store_up_to(saved->cell + at, c_before, left);
		vec_store_up_to(saved->normaliser + at, n_before, left);
		vec_store_up_to(saved->take + at, take, left);
		vec_store_up_to(saved->keep + at, keep, left);
		vec_store_up_to(saved->candidate + at, candidate, left);
		vec_store_up_to(saved->output + at, open / (e + 1.0f), left);
		vec shut = vec_if_less(forget, (vec){ 0 }, one, closing);
		vec_store_up_to(saved->forget_slope + at, shut / (closing + 1.0f), left);
		vec_store_up_to(saved->hidden + at, h, left);
		vec_store_up_to(saved->normaliser_after + at, n, left);
	}

	vec_store_up_to(step->hidden + at, h, left);
	vec_store_up_to(step->cell + at, c, left);
	vec_store_up_to(step->normaliser + at, n, left);
	vec_store_up_to(step->stabiliser + at, m, left);
}

void KERNEL(slstm_cell)(const struct slstm_step *step) {
	size_t i = 0;
	for (; i + LANES <= step->units; i += LANES)
		cell_at(step, NULL, i, LANES);
	if (i < step->units)
		cell_at(step, NULL, i, step->units - i);
}

void KERNEL(slstm_cell_saving)(const struct slstm_step *step, const struct slstm_saved *saved) {
	size_t i = 0;
	for (; i + LANES <= step->units; i += LANES)
		cell_at(step, saved, i, LANES);
	if (i < step->units)
		cell_at(step, saved, i, step->units - i);
}

/*
 * The stabiliser is held constant, since h does not depend on it. With o the output gate's value:
 *	dc += dh o / n      dn -= dh h / n
 *	do~ = dh h (1 - o)  dz~ = dc i' (1 - z^2)
 *	di~ = i' (dc z + dn)  df~ = f' (dc c_before + dn n_before) sigmoid(-f~)
 */
void KERNEL(slstm_cell_backward)(
	const struct slstm_slope *slope, const struct slstm_saved *saved, size_t units) {
	for (size_t i = 0; i < units; i += LANES) {
		size_t left = units - i;
		vec dh = vec_load_up_to(slope->hidden + i, left);
		vec h = vec_load_up_to(saved->hidden + i, left);
		vec per_n = dh / vec_load_up_to(saved->normaliser_after + i, left);
		vec o = vec_load_up_to(saved->output + i, left);
		vec z = vec_load_up_to(saved->candidate + i, left);
		vec take = vec_load_up_to(saved->take + i, left);
		vec keep = vec_load_up_to(saved->keep + i, left);
		vec dc = vec_load_up_to(slope->cell + i, left) + per_n * o;
		vec dn = vec_load_up_to(slope->normaliser + i, left) - per_n * h;
		vec before = dc * vec_load_up_to(saved->cell + i, left) +
			     dn * vec_load_up_to(saved->normaliser + i, left);
		vec forget = keep * before * vec_load_up_to(saved->forget_slope + i, left);
		float *gates = slope->gates + i;

		vec_store_up_to(gates, take * (dc * z + dn), left);
		vec_store_up_to(gates + units, forget, left);
		vec_store_up_to(gates + 2 * units, dc * take * (1.0f - z * z), left);
		vec_store_up_to(gates + 3 * units, dh * h * (1.0f - o), left);
		vec_store_up_to(slope->cell + i, keep * dc, left);
		vec_store_up_to(slope->normaliser + i, keep * dn, left);
	}
}
