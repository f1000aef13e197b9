/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_POOL_FIXTURE_H
#define TESTS_POOL_FIXTURE_H

/* Series that see each other, and the equations of include/xlstm/pool.h once more in double
 * precision. */
#include "fixture.h"
#include "xlstm/xlstm.h"

enum { SERIES = 40, WIDTH = 12, KEYS = 5, INPUTS = 3, OUTPUTS = 4, LIST_MAX = 9 };
enum { STEPS = 6, TOKENS = SERIES * STEPS };

static const enum xlstm_pool kinds[] = { XLSTM_MEAN_POOL, XLSTM_INVERSE_POOL,
	XLSTM_ATTENTION_POOL };

#define EACH_KIND(kind)                                                                            \
	for (size_t k_ = 0; k_ < 3; k_++)                                                          \
		for (enum xlstm_pool kind = kinds[k_], once_ = XLSTM_MEAN_POOL; once_;             \
			once_ = XLSTM_NO_POOL)

/* Weights of one kind of pooling, no tensor at its start, and of the same network without. */
void make_weights(
	enum xlstm_pool kind, struct xlstm_weights **pooled, struct xlstm_weights **plain);

struct lists {
	uint32_t offsets[SERIES + 1], indices[SERIES * LIST_MAX];
	float distances[SERIES * LIST_MAX], ages[SERIES * LIST_MAX * STEPS];
	struct xlstm_neighbours neighbours;
};

/* Series 0 and every seventh have nobody, the others one to nine, some of them out of reach. */
void make_lists(struct lists *lists, size_t steps);

double dot_product(const double *a, const double *b, size_t count);
/* y [outputs] = w [outputs, inputs] x */
void map_vector(double *y, const double *w, const double *x, size_t outputs, size_t inputs);

struct equations {
	const struct xlstm_weights *weights;
	double *values; /* of all tensors, where the weights have them */
};

struct equations equations_open(const struct xlstm_weights *weights);
const double *equations_tensor(const struct equations *equations, const char *name);

/* hidden(j) is what the others have committed. */
typedef const double *(*hidden_fn)(const void *context, uint32_t index);

/* What series i makes of its neighbours at step t of so many, and its features then. */
void exact_pool(double pooled[WIDTH], const struct equations *equations, const double *own,
	const struct xlstm_neighbours *neighbours, size_t i, size_t t, size_t steps,
	hidden_fn hidden, const void *context);
void exact_fuse(double fused[WIDTH], const struct equations *equations, const double *own,
	const double pooled[WIDTH]);

/* States with a past, and one more step of all. */
struct setting {
	struct xlstm_weights *weights, *plain_weights;
	struct xlstm_model *model, *plain;
	struct xlstm_workspace *workspace, *plain_workspace;
	void *rows[SERIES], *plain_rows[SERIES];
	const void *states[SERIES];
	struct lists lists;
	float inputs[SERIES * INPUTS];
	double hidden[SERIES][WIDTH], own[SERIES][WIDTH]; /* committed, and of the step to come */
};

struct setting *setting_open(enum xlstm_pool kind, enum xlstm_instructions set);
void setting_close(struct setting *setting);

/* A hidden_fn of a setting. */
const double *setting_hidden(const void *context, uint32_t index);

/* The plain network's features at the step to come. */
void step_plain(struct setting *setting, float *features, float *outputs);
/* The step to come. */
void step_among(struct setting *setting, float *features, float *outputs);

#endif
