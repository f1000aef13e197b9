/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_NEAR_PERCEPTRON_H
#define FORECAST_NEAR_PERCEPTRON_H

#include "near.h"

/*
 * The expert `neighbours_perceptron`: what a series' own forecast leaves over, by a perceptron that the whole
 * neighbourhood learns. Where a jam begins or dissolves is no linear matter.
 */

/* The labels that arrived join the examples that they belong to. */
void near_perceptron_learn(const struct panel *panel, const struct row *row,
	const struct near_seat *near, uint32_t arrived);

/* Forecasts, after the linear experts have written their inputs. offers: the tick may become an example. */
void near_perceptron_run(struct panel *panel, const struct row *row, const struct near_seat *near,
	const struct moment *at, const float inputs[NEAR_INPUTS], bool offers);

/* A member tells the others what it forecasts by itself, and how wrong it was. */
void near_tell(struct panel *panel, const struct row *row, const struct near_seat *near,
	const struct moment *at, uint32_t waiting);

#endif
