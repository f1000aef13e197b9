/* SPDX-License-Identifier: Apache-2.0 */
#include "near.h"

#include "mix.h"
#include "near_perceptron.h"

#include <math.h>
#include <string.h>

/* Inputs of the series' own regression, padded. Those of the pool are these, and the same times how far the
 * series lies above its mean: what neighbours say means something else on a jammed road than on a free
 * one. */
#define INPUTS 32
_Static_assert(NEAR_INPUTS <= INPUTS && INPUTS % KERNEL_BLOCK == 0 && 2 * INPUTS == POOL_INPUTS,
	"the inputs of the pool are those of the regression, twice");

/* Where inputs_write_own puts the level. */
#define LEVEL 1

/* Errors teach up to this many mean absolute errors of their lead: what is larger tells of something
 * that could not have been known. */
#define CLIP 1.5

/* Ticks that the local error remembers, and its least, in scales. Restless times count for less: their
 * errors are larger. */
#define LOCAL_RATE  0.05
#define LOCAL_LEAST 0.02

static double limited(double value, double limit) {
	return fmax(fmin(value, limit), -limit);
}

/* What was left over at one lead, in scales of the origin. */
struct leftover {
	double value; /* NAN: nothing to be learned */
	double pooled; /* what the pool had forecast of it */
	double limit;
	/* The same of the network's median, which the pool alone learns from. */
	double value_of_median, limit_of_median;
};

static struct leftover leftover_at(const struct row *row, struct lead lead, double label) {
	struct pending pending;
	struct leftover left = { .value = NAN };
	if (!row_waiting(row, lead, row->tick - lead.h, &pending) ||
		isnan(pending.experts[EXPERT_ALONE]))
		return left;
	double alone = (double)pending.experts[EXPERT_ALONE];
	double pooled = (double)pending.experts[EXPERT_NEIGHBOURS] - alone;
	double loss = (double)row->mix[lead.index].loss[EXPERT_ALONE] * row->head->unit;
	left.value = label - alone;
	left.pooled = isnan(pooled) ? 0 : pooled;
	left.limit = CLIP * loss / pending.origin.scale;
	loss = (double)row->centre[lead.index].loss[CENTRE_MEDIAN] * row->head->unit;
	left.value_of_median = label - (double)pending.median;
	left.limit_of_median = CLIP * loss / pending.origin.scale;
	return left;
}

static void widen(const float inputs[INPUTS], float phi[POOL_INPUTS]) {
	float height = tanhf(inputs[LEVEL]);
	for (int i = 0; i < INPUTS; i++) {
		phi[i] = inputs[i];
		phi[INPUTS + i] = height * inputs[i];
	}
}

/* Teaches one of the pool's leads what was left over. */
static void teach_lead(void *pool, uint32_t leads, uint32_t lead, const float phi[POOL_INPUTS],
	double weight, double value, double limit) {
	double forecast = pool_forecast(pool, leads, lead, phi);
	double label = forecast + limited(value - forecast, limit);
	pool_add_label(pool, leads, lead, phi, weight, label);
}

/* Teaches the neighbourhood what arrived for the inputs of an earlier tick. */
static void teach_pool(const struct row *row, void *pool, uint32_t h, const struct leftover *left) {
	const float *inputs = rls_past_inputs(&row->layout->near, row->near_state, h);
	uint32_t horizon = row->layout->horizon, leads = neighbourhood_pool_leads(horizon);
	float phi[POOL_INPUTS];
	if (!inputs)
		return;
	widen(inputs, phi);
	double weight = row->near_weights[(row->tick - h) % horizon];
	teach_lead(pool, leads, h, phi, weight, left->value, left->limit);
	if (!isnan(left->value_of_median))
		teach_lead(pool, leads, horizon + h, phi, weight, left->value_of_median,
			left->limit_of_median);
}

/* Counts what neighbours were good for. */
static void count_gain(const struct row *row, struct lead lead, double label) {
	struct pending pending;
	struct near_tally *tally = &row->near_tallies[lead.index];
	if (!row_waiting(row, lead, row->tick - lead.h, &pending) ||
		isnan(pending.experts[EXPERT_NEIGHBOURS]))
		return;
	double scale = pending.origin.scale;
	double rate = fmax(1.0 / ++tally->n, 1.0 / SCORE_WINDOW);
	double alone = fabs(label - (double)pending.experts[EXPERT_ALONE]) * scale;
	double together = fabs(label - (double)pending.mean) * scale;
	tally->alone += rate * (alone - tally->alone);
	tally->together += rate * (together - tally->together);
}

/* Takes the labels apart: what the pool learns (NULL: nothing), and what is left for the series' own
 * regression. */
static void learn(struct panel *panel, const struct row *row, void *pool, uint32_t arrived) {
	double sum = 0, count = 0;
	for (struct lead lead = FIRST_LEAD; lead.h <= arrived;
		lead = lead_next(row->layout, lead)) {
		double *label = &panel->labels[lead.h - 1];
		struct leftover left = leftover_at(row, lead, *label);
		if (isnan(left.value)) {
			*label = NAN;
			continue;
		}
		count_gain(row, lead, *label);
		*label = limited(left.value - left.pooled, left.limit);
		if (pool)
			teach_pool(row, pool, lead.h, &left);
		sum += fabs(left.value);
		count++;
	}
	if (count == 0)
		return;
	double *local = row->near_local;
	*local = *local == 0 ? sum / count : *local + LOCAL_RATE * (sum / count - *local);
}

/* The series' own deviations where the neighbours' are looked at. */
static void own_deviations(const struct row *row, double own[NEAR_LAGS]) {
	for (int lag = 0; lag < NEAR_LAGS; lag++)
		own[lag] = limited(
			(row_back(row, near_lags[lag]) - row->head->history.mean) / row->scale,
			BOARD_LIMIT);
}

/* Writes the inputs; false if the neighbours say nothing. */
static bool write_inputs(const struct row *row, const struct near_seat *near,
	const struct moment *at, float to[INPUTS]) {
	double own[NEAR_LAGS];
	float *seen = to + NEAR_INPUTS - NEAR_SEEN;
	memset(to, 0, INPUTS * sizeof(*to));
	own_deviations(row, own);
	if (!neighbourhood_look(near->hood, near->seat, at, own, seen))
		return false;
	if (row->layout->options.blind)
		memset(seen, 0, NEAR_SEEN * sizeof(*seen));
	inputs_write_own(row, NEAR_OWN_LAGS, to);
	return true;
}

static void forecast(struct panel *panel, const struct row *row, const void *pool,
	const float phi[POOL_INPUTS]) {
	uint32_t horizon = row->layout->horizon, leads = neighbourhood_pool_leads(horizon);
	for (uint32_t h = 1; h <= horizon; h++) {
		double alone = (double)panel->forecasts[EXPERT_ALONE][h - 1];
		double pooled = alone + pool_forecast(pool, leads, h, phi);
		float *own = &panel->forecasts[EXPERT_NEIGHBOURS_OWN][h - 1];
		panel->forecasts[EXPERT_NEIGHBOURS][h - 1] = within_reach(pooled);
		*own = within_reach(pooled + (double)*own);
		if (panel->network_awake)
			panel->near_median[h - 1] =
				within_reach(panel->network[h - 1][QUANTILE_MEDIAN] +
					     pool_forecast(pool, leads, horizon + h, phi));
	}
}

static void sleep(struct panel *panel, const struct row *row) {
	for (uint32_t h = 0; h < row->layout->horizon; h++)
		panel->forecasts[EXPERT_NEIGHBOURS_OWN][h] = NAN;
	row->near_examples[row->tick % row->layout->horizon] = REPLAY_NONE;
}

void near_run(struct panel *panel, const struct row *row, const struct near_seat *near,
	const struct moment *at, uint32_t waiting) {
	uint32_t arrived = row->head->history.missing ? 0 : waiting;
	const struct rls_shape *shape = &row->layout->near;
	if (!near->hood || at->step_ms == 0) {
		rls_forget_pending(shape, row->near_state);
		return;
	}
	panel_label(panel, row, arrived);
	/* One that is stuck is forecast without an error, and would teach that neighbours mean nothing. */
	bool teaches = !board_is_stuck(&near->hood->seats[near->seat]);
	near_perceptron_learn(panel, row, near, arrived);
	learn(panel, row, teaches ? near->hood->pool : NULL, arrived);

	bool awake = write_inputs(row, near, at, panel->inputs);
	bool usable = awake && row->head->history.missing == 0;
	rls_step(shape, row->near_state, panel->forecasts[EXPERT_NEIGHBOURS_OWN], panel->labels,
		arrived, panel->inputs, usable);
	if (!awake) {
		sleep(panel, row);
		return;
	}
	float phi[POOL_INPUTS];
	widen(panel->inputs, phi);
	forecast(panel, row, near->hood->pool, phi);
	near_perceptron_run(panel, row, near, at, panel->inputs, usable && teaches);
	if (!usable)
		return;
	double weight = teaches ? 1 / (*row->near_local + LOCAL_LEAST) : 0;
	row->near_weights[row->tick % shape->horizon] = weight;
	pool_add_inputs(near->hood->pool, phi, weight);
}
