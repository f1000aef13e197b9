/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

/* The reference vectors of tests/golden (its README.md describes the files). All of it fails the
 * running cmocka test where something is missing. */
#include <stddef.h>

struct golden;

struct golden_tensor {
	size_t dims[5], dimension_count, count;
	double tolerance; /* on the relative root-mean-square error */
	float *values;
};

struct golden *golden_open(const char *name);
void golden_close(struct golden *golden);

size_t golden_hyper(const struct golden *golden, const char *key);
const char *golden_hyper_text(const struct golden *golden, const char *key);
double golden_scalar(const struct golden *golden, const char *name);
/* role: input, param, state0, output, state, inter or grad. */
const struct golden_tensor *golden_tensor(
	struct golden *golden, const char *role, const char *name);
/* NULL instead of a failure. */
const struct golden_tensor *golden_maybe(struct golden *golden, const char *role, const char *name);

/* Calls `each` for every `origin` line: our name and the published package's. */
typedef void (*golden_origin_fn)(
	void *context, struct golden *golden, const char *name, const char *published);
void golden_origins(struct golden *golden, golden_origin_fn each, void *context);

/* Fails unless `actual` [count] is as near to the tensor as its tolerance demands. */
void golden_assert_near(const char *what, const struct golden_tensor *tensor, const float *actual);
/* The same for any two arrays. */
void assert_near(const char *what, const float *expected, const float *actual, size_t count,
	double tolerance);
/* Root-mean-square difference over the expected values' root-mean-square. */
double relative_rms(const float *expected, const float *actual, size_t count);

#endif
