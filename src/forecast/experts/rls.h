/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_RLS_H
#define FORECAST_RLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Recursive least squares with exponential forgetting (Plackett 1950; Haykin, Adaptive Filter
 * Theory, ch. 10) for all leads 1..H at once:
 *
 *   v = P phi    k = v / (f + phi' v)    P = (P - k v') / f          once a tick
 *   W_h += k_{t-h} (y_h - W_h phi_{t-h})                             when label h arrives
 *
 * All leads share P and the gains, since they share the inputs. The label of lead h arrives h ticks
 * after its inputs, so gains and inputs wait in a ring of H rows; used in order, the weights of
 * every lead are exactly the least-squares weights of the labels that have arrived.
 *
 * P is symmetric and stored once: row i holds columns 0 to the end of i's block of eight. It is
 * double; inputs, gains and weights are float, whose rounding the innovation corrects.
 */
struct rls_shape {
	uint32_t inputs; /* numbers in phi */
	uint32_t horizon; /* leads H */
	double forgetting; /* f, at most 1 */
	double prior; /* P starts as this times the identity; small: weights move little */
	double clip; /* innovations are limited to +- this, in the unit of the labels */
	/* Without the rings: rls_step then takes no labels, rls_teach does. Leads are any H of them. */
	bool brief;
};

/* Floats in a row of inputs: inputs rounded up; the rest must be zero. */
size_t rls_stride(const struct rls_shape *shape);

/* Bytes of a state, a multiple of 64. A state is plain bytes aligned to 64; zeros are a fresh one. */
size_t rls_size(const struct rls_shape *shape);

/* The waiting labels will not come (a gap); the weights stay. */
void rls_forget_pending(const struct rls_shape *shape, void *state);

/* Inputs of h ticks ago, before this tick's step; NULL if they were not to be learned from. */
const float *rls_past_inputs(const struct rls_shape *shape, void *state, uint32_t h);

/*
 * A label of lead number `lead` (from 0) of a brief state, whose inputs the caller has kept or made
 * again. The gain is that of the present P instead of the one of then. weight: how many labels it
 * stands for, where not all of them are told.
 */
void rls_teach(const struct rls_shape *shape, void *state, uint32_t lead, const float *inputs,
	double label, double weight);

/*
 * One tick.
 *   labels [H]        labels[h - 1] belongs to the inputs of h ticks ago; NAN, and beyond the first
 *                     `arrived`: will never come
 *   inputs [stride]   of this tick
 *   usable            whether to learn from these inputs when their labels arrive
 *   forecasts [H]     out: W_h phi
 */
void rls_step(const struct rls_shape *shape, void *state, float *restrict forecasts,
	const double *restrict labels, uint32_t arrived, const float *restrict inputs, bool usable);

#endif
