/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of series that see each other: against the equations in double precision and the pooling
 * layers of the published Social-xLSTM; and what must not matter: order, cuts, the lonely.
 */
#include "pool_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

static void check_step(enum xlstm_pool kind, enum xlstm_instructions set) {
	struct setting *setting = setting_open(kind, set);
	struct equations equations = equations_open(setting->weights);
	float own[SERIES * WIDTH], features[SERIES * WIDTH], expected[SERIES * WIDTH];
	step_plain(setting, own, NULL);
	step_among(setting, features, NULL);
	for (size_t i = 0; i < SERIES; i++) {
		double pooled[WIDTH], fused[WIDTH];
		exact_pool(pooled, &equations, setting->own[i], &setting->lists.neighbours, i, 0, 1,
			setting_hidden, setting);
		exact_fuse(fused, &equations, setting->own[i], pooled);
		for (size_t c = 0; c < WIDTH; c++)
			expected[i * WIDTH + c] = (float)fused[c];
	}
	assert_near("features", expected, features, SERIES * WIDTH, 1e-5);
	free(equations.values);
	setting_close(setting);
}

static void steps_equal_the_equations(void **state) {
	(void)state;
	EACH_KIND(kind)
	for (enum xlstm_instructions set = XLSTM_PORTABLE; set <= XLSTM_AVX512; set++)
		if (kernels_for(set))
			check_step(kind, set);
}

static void the_lonely_are_as_without_neighbours(void **state) {
	(void)state;
	EACH_KIND(kind) {
		struct setting *setting = setting_open(kind, XLSTM_BEST);
		float own[SERIES * WIDTH], features[SERIES * WIDTH];
		float plain[SERIES * OUTPUTS], outputs[SERIES * OUTPUTS];
		step_plain(setting, own, plain);
		step_among(setting, features, outputs);
		size_t lonely = 0;
		for (size_t i = 0; i < SERIES; i++) {
			bool same = !memcmp(own + i * WIDTH, features + i * WIDTH,
					    WIDTH * sizeof(float)) &&
				    !memcmp(plain + i * OUTPUTS, outputs + i * OUTPUTS,
					    OUTPUTS * sizeof(float));
			bool sees = false;
			for (uint32_t e = setting->lists.offsets[i];
				e < setting->lists.offsets[i + 1]; e++)
				sees |= setting->lists.distances[e] <= 1.5f;
			assert_int_equal(same, !sees);
			lonely += !sees;
			assert_memory_equal(setting->rows[i], setting->plain_rows[i],
				xlstm_state_size(setting->plain));
		}
		assert_in_range(lonely, 6, SERIES / 2);
		setting_close(setting);
	}
}

/* As weights begin: the projection is zero. */
static void a_projection_of_zero_changes_nothing(void **state) {
	(void)state;
	EACH_KIND(kind) {
		struct setting *setting = setting_open(kind, XLSTM_BEST);
		static const float zeros[WIDTH * WIDTH];
		float own[SERIES * WIDTH], features[SERIES * WIDTH];
		float plain[SERIES * OUTPUTS], outputs[SERIES * OUTPUTS];
		assert_int_equal(xlstm_tensor_set(setting->weights, "pool.value.weight", zeros,
					 WIDTH * WIDTH),
			0);
		xlstm_model_unref(setting->model);
		assert_int_equal(xlstm_model_create(&setting->model, setting->weights), 0);
		step_plain(setting, own, plain);
		step_among(setting, features, outputs);
		assert_memory_equal(own, features, sizeof(own));
		assert_memory_equal(plain, outputs, sizeof(plain));
		setting_close(setting);
	}
}

/* One by one, from the last to the first, in place of all at once: bits and states are the same. */
static void order_and_cuts_do_not_matter(void **state) {
	(void)state;
	EACH_KIND(kind) {
		struct setting *all = setting_open(kind, XLSTM_BEST);
		struct setting *single = setting_open(kind, XLSTM_BEST);
		float features[SERIES * WIDTH], outputs[SERIES * OUTPUTS];
		float other_features[SERIES * WIDTH], other_outputs[SERIES * OUTPUTS];
		step_among(all, features, outputs);
		for (size_t i = SERIES; i-- > 0;) {
			struct xlstm_neighbours one = single->lists.neighbours;
			one.offsets += i;
			xlstm_step_among(single->model, single->workspace, 1, single->rows + i,
				single->inputs + i * INPUTS, &one, other_features + i * WIDTH,
				other_outputs + i * OUTPUTS);
		}
		xlstm_commit(all->model, SERIES, all->rows);
		xlstm_commit(single->model, SERIES, single->rows);
		assert_memory_equal(features, other_features, sizeof(features));
		assert_memory_equal(outputs, other_outputs, sizeof(outputs));
		for (size_t i = 0; i < SERIES; i++)
			assert_memory_equal(
				all->rows[i], single->rows[i], xlstm_state_size(all->model));
		setting_close(all);
		setting_close(single);
	}
}

static void steps_are_seen_once_committed(void **state) {
	(void)state;
	struct setting *setting = setting_open(XLSTM_MEAN_POOL, XLSTM_BEST);
	float own[SERIES * WIDTH], seen[WIDTH];
	const float *hidden = xlstm_state_hidden(setting->model, setting->rows[3]);
	memcpy(seen, hidden, sizeof(seen));
	step_plain(setting, own, NULL);
	step_among(setting, NULL, NULL);
	assert_memory_equal(seen, hidden, sizeof(seen));
	xlstm_commit(setting->model, SERIES, setting->rows);
	assert_memory_equal(own + 3 * WIDTH, hidden, sizeof(seen));
	assert_null(xlstm_state_hidden(setting->plain, setting->plain_rows[3]));
	setting_close(setting);
}

/* --- the published layers: positions in, context out */

struct street {
	double x[SERIES], y[SERIES];
};

static struct street make_street(void) {
	struct street street;
	struct noise noise = { 31 };
	for (size_t i = 0; i < SERIES; i++) {
		street.x[i] = 400 * (double)noise_next(&noise);
		street.y[i] = 400 * (double)noise_next(&noise);
	}
	return street;
}

static double apart(const struct street *street, size_t i, size_t j) {
	return hypot(street->x[i] - street->x[j], street->y[i] - street->y[j]);
}

/* The layer's mean and weighted mean of hidden states within a radius, as it is written down. */
static void published_within_radius(double context[WIDTH], const struct setting *setting,
	const struct street *street, size_t target, double radius, bool weighted) {
	double total = 0;
	memset(context, 0, WIDTH * sizeof(double));
	for (size_t j = 0; j < SERIES; j++) {
		double distance = apart(street, target, j);
		if (j == target || distance > radius)
			continue;
		double weight = weighted ? 1 / (distance + 1e-6) : 1;
		total += weight;
		for (size_t c = 0; c < WIDTH; c++)
			context[c] += weight * setting->hidden[j][c];
	}
	for (size_t c = 0; c < WIDTH && total > 0; c++)
		context[c] /= total;
}

struct nearest {
	double distance;
	uint32_t index;
};

static int closer(const void *a, const void *b) {
	const struct nearest *x = a, *y = b;
	return (x->distance > y->distance) - (x->distance < y->distance);
}

static void find_nearest(struct nearest found[SERIES], const struct street *street, size_t target) {
	for (uint32_t j = 0; j < SERIES; j++)
		found[j] = (struct nearest){ j == target ? HUGE_VAL : apart(street, target, j), j };
	qsort(found, SERIES, sizeof(*found), closer);
}

/* The layer with attention over the k nearest, one head, time window 1: queries and keys with bias,
 * the bias of the distance -d / mean(d) / tau between -10 and 0. */
static void published_attention(double context[WIDTH], const struct setting *setting,
	const struct street *street, size_t target, size_t k, double tau, const double *query_w,
	const double *query_b, const double *key_w) {
	static const double key_b[KEYS] = { 0.3, -0.7, 0.2, 1.1, -0.4 };
	struct nearest found[SERIES];
	double mean = 0, total = 0, query[KEYS];
	find_nearest(found, street, target);
	for (size_t j = 0; j < k; j++)
		mean += found[j].distance / (double)k;
	map_vector(query, query_w, setting->own[target], KEYS, WIDTH);
	for (size_t r = 0; r < KEYS; r++)
		query[r] += query_b[r];
	memset(context, 0, WIDTH * sizeof(double));
	for (size_t j = 0; j < k; j++) {
		const double *hidden = setting->hidden[found[j].index];
		double key[KEYS], bias = -found[j].distance / mean / tau;
		map_vector(key, key_w, hidden, KEYS, WIDTH);
		for (size_t r = 0; r < KEYS; r++)
			key[r] += key_b[r];
		double weight =
			exp(dot_product(query, key, KEYS) / sqrt(KEYS) + fmax(-10, fmin(0, bias)));
		total += weight;
		for (size_t c = 0; c < WIDTH; c++)
			context[c] += weight * hidden[c];
	}
	for (size_t c = 0; c < WIDTH; c++)
		context[c] /= total;
}

/* Everybody else, or the nearest k, in the library's form. */
static void list_street(struct setting *setting, const struct street *street, size_t k,
	uint32_t *indices, float *distances) {
	for (uint32_t i = 0; i < SERIES; i++) {
		struct nearest found[SERIES];
		find_nearest(found, street, i);
		setting->lists.offsets[i] = (uint32_t)(i * k);
		for (size_t j = 0; j < k; j++) {
			indices[i * k + j] = found[j].index;
			distances[i * k + j] = (float)found[j].distance;
		}
	}
	setting->lists.offsets[SERIES] = (uint32_t)(SERIES * k);
	setting->lists.neighbours.indices = indices;
	setting->lists.neighbours.distances = distances;
	setting->lists.neighbours.ages = NULL;
}

/* The gate wide open and the projection one, so that features less own ones are the context. */
static void open_wide(struct setting *setting, double tau) {
	float one[WIDTH * WIDTH] = { 0 }, gate[2 * WIDTH * WIDTH] = { 0 }, bias[WIDTH];
	float nearness = (float)(1 / tau);
	for (size_t c = 0; c < WIDTH; c++) {
		one[c * WIDTH + c] = 1;
		bias[c] = 80;
	}
	xlstm_tensor_set(setting->weights, "pool.value.weight", one, WIDTH * WIDTH);
	xlstm_tensor_set(setting->weights, "pool.gate.weight", gate, 2 * WIDTH * WIDTH);
	xlstm_tensor_set(setting->weights, "pool.gate.bias", bias, WIDTH);
	xlstm_tensor_set(setting->weights, "pool.distance", &nearness, 1);
	xlstm_model_unref(setting->model);
	assert_int_equal(xlstm_model_create(&setting->model, setting->weights), 0);
}

static void the_published_pooling_is_reproduced(void **state) {
	(void)state;
	static uint32_t indices[SERIES * SERIES];
	static float distances[SERIES * SERIES];
	const struct street street = make_street();
	const double radius = 250, tau = 0.7;
	const size_t k = 6;
	EACH_KIND(kind) {
		struct setting *setting = setting_open(kind, XLSTM_BEST);
		bool attention = kind == XLSTM_ATTENTION_POOL;
		float own[SERIES * WIDTH], features[SERIES * WIDTH], found[WIDTH], expected[WIDTH];
		size_t lonely = 0;
		open_wide(setting, tau);
		struct equations weights = equations_open(setting->weights);
		list_street(setting, &street, attention ? k : SERIES - 1, indices, distances);
		setting->lists.neighbours.reach = attention ? 0 : (float)radius;
		step_plain(setting, own, NULL);
		step_among(setting, features, NULL);
		for (size_t i = 0; i < SERIES; i++) {
			double context[WIDTH], length = 0;
			if (attention)
				published_attention(context, setting, &street, i, k, tau,
					equations_tensor(&weights, "pool.query.weight"),
					equations_tensor(&weights, "pool.query.bias"),
					equations_tensor(&weights, "pool.key.weight"));
			else
				published_within_radius(context, setting, &street, i, radius,
					kind == XLSTM_INVERSE_POOL);
			for (size_t c = 0; c < WIDTH; c++) {
				found[c] = features[i * WIDTH + c] - own[i * WIDTH + c];
				expected[c] = (float)context[c];
				length += fabs(context[c]);
			}
			lonely += length == 0;
			for (size_t c = 0; c < WIDTH; c++)
				assert_true(fabsf(found[c] - expected[c]) < 2e-6f);
		}
		if (!attention)
			assert_in_range(lonely, 1, SERIES / 2);
		free(weights.values);
		setting_close(setting);
	}
}

static void weights_that_pool_are_saved_and_read(void **state) {
	(void)state;
	EACH_KIND(kind) {
		struct xlstm_weights *pooled, *plain, *read;
		void *bytes;
		size_t size;
		make_weights(kind, &pooled, &plain);
		xlstm_weights_destroy(plain);
		assert_int_equal(xlstm_weights_write(pooled, &bytes, &size), 0);
		assert_int_equal(xlstm_weights_parse(&read, bytes, size, NULL), 0);
		assert_int_equal(xlstm_weights_shape(read)->pool, kind);
		assert_int_equal(xlstm_weights_shape(read)->pool_keys,
			kind == XLSTM_ATTENTION_POOL ? KEYS : 0);
		assert_true(xlstm_weights_identity(read) == xlstm_weights_identity(pooled));
		free(bytes);
		xlstm_weights_destroy(read);
		xlstm_weights_destroy(pooled);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_equal_the_equations),
		cmocka_unit_test(the_lonely_are_as_without_neighbours),
		cmocka_unit_test(a_projection_of_zero_changes_nothing),
		cmocka_unit_test(order_and_cuts_do_not_matter),
		cmocka_unit_test(steps_are_seen_once_committed),
		cmocka_unit_test(the_published_pooling_is_reproduced),
		cmocka_unit_test(weights_that_pool_are_saved_and_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
