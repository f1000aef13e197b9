/* SPDX-License-Identifier: Apache-2.0 */
/* The mLSTM cell over windows, forward and backward, against the reference vectors. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

static const char *const cases[] = { "mlstm_raw", "mlstm_raw_dh32", "mlstm_extreme50",
	"mlstm_extreme500", "mlstm_long" };

/* Every head of every series is a window of one head. */
struct window_case {
	struct golden *golden;
	size_t windows, steps, units;
	const struct golden_tensor *q, *k, *v, *input, *forget, *target;
	float *h, *matrix, *normaliser, *stabiliser, *kept, *scratch;
	float *dh, *dq, *dk, *dv, *dinput, *dforget;
};

static float *floats(size_t count) {
	float *values = calloc(count + 1, sizeof(float));
	assert_non_null(values);
	return values;
}

static void open_case(struct window_case *c, const char *name) {
	c->golden = golden_open(name);
	c->q = golden_tensor(c->golden, "input", "q");
	c->k = golden_tensor(c->golden, "input", "k");
	c->v = golden_tensor(c->golden, "input", "v");
	c->input = golden_tensor(c->golden, "input", "gi");
	c->forget = golden_tensor(c->golden, "input", "gf");
	c->target = golden_tensor(c->golden, "input", "target");
	c->windows = c->q->dims[0] * c->q->dims[1];
	c->steps = c->q->dims[2];
	c->units = c->q->dims[3];
	c->h = floats(c->q->count);
	c->matrix = floats(c->windows * c->units * c->units);
	c->normaliser = floats(c->windows * c->units);
	c->stabiliser = floats(c->windows);
	c->kept = floats((c->steps / MLSTM_CHUNK + 1) * mlstm_kept_floats(c->units, c->units));
	c->scratch = floats(mlstm_window_scratch(c->units, c->units));
	c->dh = floats(c->q->count);
	c->dq = floats(c->q->count);
	c->dk = floats(c->q->count);
	c->dv = floats(c->q->count);
	c->dinput = floats(c->input->count);
	c->dforget = floats(c->input->count);
}

static void close_case(struct window_case *c) {
	float *all[] = { c->h, c->matrix, c->normaliser, c->stabiliser, c->kept, c->scratch, c->dh,
		c->dq, c->dk, c->dv, c->dinput, c->dforget };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
	golden_close(c->golden);
}

/* Steps [first, first + steps) of one window. */
static struct mlstm_window window_of(
	const struct window_case *c, size_t window, size_t first, size_t steps) {
	size_t units = c->units, at = (window * c->steps + first) * units;
	size_t gate = window * c->steps + first;
	return (struct mlstm_window){
		.heads = 1,
		.keys = units,
		.values = units,
		.steps = steps,
		.q = { c->q->values + at, units },
		.k = { c->k->values + at, units },
		.v = { c->v->values + at, units },
		.input_gate = { c->input->values + gate, 1 },
		.forget_gate = { c->forget->values + gate, 1 },
		.h = { c->h + at, units },
		.matrix = c->matrix + window * units * units,
		.normaliser = c->normaliser + window * units,
		.stabiliser = c->stabiliser + window,
		.scratch = c->scratch,
	};
}

static void check_forward(const char *name, struct window_case *c) {
	const struct golden_tensor *matrix = golden_tensor(c->golden, "state", "C");
	const struct golden_tensor *n = golden_tensor(c->golden, "state", "n");
	const float *m = golden_tensor(c->golden, "state", "m")->values;
	golden_assert_near(name, golden_tensor(c->golden, "output", "h"), c->h);
	rescale(c->matrix, c->stabiliser, m, matrix->count, c->units * c->units);
	rescale(c->normaliser, c->stabiliser, m, n->count, c->units);
	golden_assert_near(name, matrix, c->matrix);
	golden_assert_near(name, n, c->normaliser);
}

/* In pieces of the given length, each going on from the state that the last one left. */
static void windows_of(size_t length) {
	EACH_KERNELS(kernels) for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct window_case c;
		open_case(&c, cases[i]);
		for (size_t w = 0; w < c.windows; w++)
			for (size_t first = 0; first < c.steps; first += length) {
				size_t left = c.steps - first;
				struct mlstm_window window =
					window_of(&c, w, first, left < length ? left : length);
				kernels->mlstm_window(&window);
			}
		check_forward(cases[i], &c);
		close_case(&c);
	}
}

static void whole_windows_equal_the_reference(void **state) {
	(void)state;
	windows_of(4096);
}

static void windows_go_on_from_each_other(void **state) {
	(void)state;
	windows_of(1);
	windows_of(7);
	windows_of(32);
	windows_of(45);
}

static void gradients_equal_the_reference(void **state) {
	(void)state;
	EACH_KERNELS(kernels) for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct window_case c;
		open_case(&c, cases[i]);
		for (size_t w = 0; w < c.windows; w++) {
			struct mlstm_window window = window_of(&c, w, 0, c.steps);
			size_t at = w * c.steps * c.units, gate = w * c.steps;
			window.kept = c.kept;
			kernels->mlstm_window(&window);
			for (size_t j = at; j < at + c.steps * c.units; j++)
				c.dh[j] = 2 * (c.h[j] - c.target->values[j]);
			struct mlstm_window_slope slope = { { c.dh + at, c.units },
				{ c.dq + at, c.units }, { c.dk + at, c.units },
				{ c.dv + at, c.units }, { c.dinput + gate, 1 },
				{ c.dforget + gate, 1 } };
			kernels->mlstm_window_backward(&window, &slope);
		}
		golden_assert_near("dv", golden_tensor(c.golden, "grad", "v"), c.dv);
		golden_assert_near("dq", golden_tensor(c.golden, "grad", "q"), c.dq);
		golden_assert_near("dk", golden_tensor(c.golden, "grad", "k"), c.dk);
		golden_assert_near("di", golden_tensor(c.golden, "grad", "gi"), c.dinput);
		golden_assert_near("df", golden_tensor(c.golden, "grad", "gf"), c.dforget);
		close_case(&c);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_windows_equal_the_reference),
		cmocka_unit_test(windows_go_on_from_each_other),
		cmocka_unit_test(gradients_equal_the_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
