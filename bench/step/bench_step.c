/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How fast is the network against the published package, against other C, and against what the
 * machine can do? Blocks m-s-m, 4 heads, one thread. Everything that is compared is measured in
 * the same run; each figure is the best of several.
 *
 *   bench_step
 *
 * XLSTM_PUBLISHED names a checkout of github.com/NX-AI/xlstm and XLSTM_C one of
 * github.com/raws-labs/xlstm.c; without them their rows are skipped.
 */
#include "instructions.h"
#include "model.h"
#include "tile.h"
#include "xlstm/xlstm.h"

#include <cblas.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REPEATS        7
#define REPEAT_SECONDS 0.12

/* Seconds that this thread has had a processor: other programs do not count. */
static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void check(int r, const char *what) {
	if (r >= 0)
		return;
	fprintf(stderr, "bench_step: %s: %s\n", what, xlstm_error_text(r));
	exit(1);
}

static void *memory(size_t bytes) {
	void *taken = aligned_alloc(64, (bytes + 63) / 64 * 64);
	if (!taken) {
		fprintf(stderr, "bench_step: no memory\n");
		exit(1);
	}
	memset(taken, 0, bytes);
	return taken;
}

/* Runs per second, the best of several tries. */
typedef void (*run_fn)(void *context);

static double best_rate(run_fn run, void *context) {
	double best = 0;
	run(context);
	for (int i = 0; i < REPEATS; i++) {
		double start = now(), spent;
		size_t runs = 0;
		do {
			run(context);
			runs++;
			spent = now() - start;
		} while (spent < REPEAT_SECONDS);
		best = fmax(best, (double)runs / spent);
	}
	return best;
}

static void row(const char *what, double ratio, double mark, const char *details) {
	printf("%-52s %8.2f  (mark %5.2f) %s  %s\n", what, ratio, mark,
		ratio >= mark ? "ok  " : "MISS", details);
	fflush(stdout);
}

static void skipped(const char *what, const char *why) {
	printf("%-52s  skipped: %s\n", what, why);
}

/* The model m-s-m. */

/* The first `blocks` of m-s-m. */
static struct xlstm_shape stack_shape(uint32_t width, uint32_t blocks) {
	struct xlstm_shape shape = { .width = width, .block_count = blocks };
	shape.blocks[0] = xlstm_block_published(XLSTM_MLSTM, width, 4);
	shape.blocks[1] = xlstm_block_published(XLSTM_SLSTM, width, 4);
	shape.blocks[2] = xlstm_block_published(XLSTM_MLSTM, width, 4);
	return shape;
}

static struct xlstm_weights *stack_weights(uint32_t width, uint32_t blocks) {
	struct xlstm_shape shape = stack_shape(width, blocks);
	struct xlstm_weights *weights;
	check(xlstm_weights_create(&weights, &shape), "weights");
	xlstm_weights_initialise(weights, 1);
	return weights;
}

struct steps {
	struct xlstm_model *model;
	struct xlstm_workspace *workspace;
	size_t count;
	void **rows;
	char *states;
	float *x, *y;
};

static struct steps steps_open(uint32_t width, uint32_t blocks, size_t count) {
	struct steps steps = { .count = count };
	struct xlstm_weights *weights = stack_weights(width, blocks);
	check(xlstm_model_create(&steps.model, weights), "model");
	check(xlstm_workspace_create(&steps.workspace, steps.model, XLSTM_BEST), "workspace");
	xlstm_weights_destroy(weights);
	size_t size = xlstm_state_size(steps.model);
	steps.states = memory(count * size);
	steps.rows = memory(count * sizeof(void *));
	steps.x = memory(count * width * sizeof(float));
	steps.y = memory(count * width * sizeof(float));
	for (size_t i = 0; i < count; i++)
		steps.rows[i] = steps.states + i * size;
	for (size_t i = 0; i < count * width; i++)
		steps.x[i] = (float)(i * 7919 % 1999) / 999.5f - 1.0f;
	return steps;
}

static void steps_close(struct steps *steps) {
	xlstm_workspace_destroy(steps->workspace);
	xlstm_model_unref(steps->model);
	free(steps->states);
	free(steps->rows);
	free(steps->x);
	free(steps->y);
}

static void steps_run(void *context) {
	struct steps *steps = context;
	xlstm_step(steps->model, steps->workspace, steps->count, steps->rows, steps->x, steps->y,
		NULL);
}

static double step_rate(uint32_t width, size_t batch) {
	struct steps steps = steps_open(width, 3, batch);
	double rate = best_rate(steps_run, &steps) * (double)batch;
	steps_close(&steps);
	return rate;
}

/* Training. */

struct training {
	struct xlstm_weights *weights, *gradient;
	struct xlstm_tape *tape;
	struct xlstm_adamw *adamw;
	size_t series, steps, values;
	size_t row_bytes;
	void **rows;
	float *x, *y, *target, *slopes;
};

static struct training training_open(uint32_t width, size_t steps, size_t series) {
	struct training training = { .series = series, .steps = steps };
	struct xlstm_shape shape = stack_shape(width, 3);
	struct xlstm_tape_options tape_options = { .series = series, .steps = steps };
	struct xlstm_adamw_options adamw_options = xlstm_adamw_published();
	training.values = series * steps * width;
	training.weights = stack_weights(width, 3);
	check(xlstm_weights_create(&training.gradient, &shape), "gradient");
	check(xlstm_tape_create(&training.tape, &shape, &tape_options), "tape");
	check(xlstm_adamw_create(&training.adamw, &shape, &adamw_options), "adamw");
	struct xlstm_model *model;
	check(xlstm_model_create(&model, training.weights), "model");
	training.row_bytes = xlstm_state_size(model);
	xlstm_model_unref(model);
	training.rows = memory(series * sizeof(void *));
	for (size_t i = 0; i < series; i++)
		training.rows[i] = memory(training.row_bytes);
	training.x = memory(training.values * sizeof(float));
	training.y = memory(training.values * sizeof(float));
	training.target = memory(training.values * sizeof(float));
	training.slopes = memory(training.values * sizeof(float));
	for (size_t i = 0; i < training.values; i++) {
		training.x[i] = (float)(i * 7919 % 1999) / 999.5f - 1.0f;
		training.target[i] = (float)(i * 104729 % 1999) / 999.5f - 1.0f;
	}
	return training;
}

static void training_close(struct training *training) {
	for (size_t i = 0; i < training->series; i++)
		free(training->rows[i]);
	free(training->rows);
	free(training->x);
	free(training->y);
	free(training->target);
	free(training->slopes);
	xlstm_weights_destroy(training->weights);
	xlstm_weights_destroy(training->gradient);
	xlstm_tape_destroy(training->tape);
	xlstm_adamw_destroy(training->adamw);
}

static void training_run(void *context) {
	struct training *training = context;
	static const struct xlstm_loss squared = { .kind = XLSTM_SQUARED };
	struct xlstm_model *model;
	size_t tokens = training->series * training->steps;

	check(xlstm_model_create(&model, training->weights), "model");
	for (size_t i = 0; i < training->series; i++)
		memset(training->rows[i], 0, training->row_bytes);
	xlstm_sequence(model, training->tape, training->series, training->steps, training->rows,
		training->x, training->y, NULL);
	xlstm_loss(&squared, tokens, training->values / tokens, training->y, training->target, NULL,
		training->slopes);
	xlstm_backward(model, training->tape, training->slopes, NULL, training->gradient, NULL);
	xlstm_adamw_step(training->adamw, training->weights, training->gradient, 1e-3);
	xlstm_model_unref(model);
}

static double training_rate(uint32_t width, size_t steps, size_t series) {
	struct training training = training_open(width, steps, series);
	double rate = best_rate(training_run, &training) * (double)(series * steps);
	training_close(&training);
	return rate;
}

/* Against the published package. */

static void against_steps(uint32_t width, size_t batch, double theirs) {
	static const struct {
		uint32_t width;
		size_t batch;
		double mark;
	} marks[] = { { 64, 1, 80 }, { 64, 64, 8 }, { 64, 1024, 6 }, { 128, 1, 40 }, { 128, 64, 6 },
		{ 128, 1024, 8 } };
	char what[64], details[96];
	double ours = step_rate(width, batch), mark = 0;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (marks[i].width == width && marks[i].batch == batch)
			mark = marks[i].mark;
	snprintf(what, sizeof(what), "step, width %u, batch %zu, over published step()", width,
		batch);
	snprintf(details, sizeof(details), "%.0f against %.0f tokens/s", ours, theirs);
	row(what, ours / theirs, mark, details);
}

static void against_training(uint32_t width, size_t window, size_t batch, double theirs) {
	char what[64], details[96];
	double ours = training_rate(width, window, batch);
	snprintf(what, sizeof(what), "training, width %u, window %zu, batch %zu, over autograd",
		width, window, batch);
	snprintf(details, sizeof(details), "%.0f against %.0f tokens/s", ours, theirs);
	row(what, ours / theirs, 10, details);
}

static void against_published(const char *script) {
	const char *checkout = getenv("XLSTM_PUBLISHED");
	char command[1024], line[256];
	if (!checkout) {
		skipped("published package", "XLSTM_PUBLISHED names no checkout");
		return;
	}
	snprintf(command, sizeof(command), "/usr/bin/python3 '%s' '%s' 2>/dev/null", script,
		checkout);
	FILE *pipe = popen(command, "r");
	size_t rows = 0;
	while (pipe && fgets(line, sizeof(line), pipe)) {
		unsigned int width;
		size_t window, batch;
		double rate;
		if (sscanf(line, "step %u %zu %lf", &width, &batch, &rate) == 3)
			against_steps(width, batch, rate);
		else if (sscanf(line, "train %u %zu %zu %lf", &width, &window, &batch, &rate) == 4)
			against_training(width, window, batch, rate);
		else
			printf("published package: %s", line);
		rows++;
	}
	if (!pipe || pclose(pipe) != 0 || !rows)
		skipped("published package", "it does not run here (python3-torch missing?)");
}

/* Against the machine. */

/* Bytes per second read and written by an update in place. */
struct update {
	float *values;
	size_t count;
};

static void update_run(void *context) {
	struct update *update = context;
	float *values = update->values;
	for (size_t i = 0; i < update->count; i++)
		values[i] = values[i] * 0.999f + 0.001f;
}

static double update_bandwidth(size_t bytes) {
	struct update update = { memory(bytes), bytes / sizeof(float) };
	double rate = best_rate(update_run, &update) * 2.0 * (double)bytes;
	free(update.values);
	return rate;
}

/* Multiply-adds per second of a large product. */
static void sgemm_run(void *context) {
	float *m = context;
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, 1024, 1024, 1024, 1, m, 1024,
		m + 1024 * 1024, 1024, 0, m + 2 * 1024 * 1024, 1024);
}

static double sgemm_peak(void) {
	float *m = memory(3 * 1024 * 1024 * sizeof(float));
	double rate = best_rate(sgemm_run, m) * 1024.0 * 1024.0 * 1024.0;
	free(m);
	return rate;
}

enum { DETECTORS = 10000 };

/* The first mLSTM cell alone, over all rows. */
struct cells {
	struct steps steps;
	const struct block_layout *layout;
	float *qkv, *h, *gates, *scratch;
};

static void cells_run(void *context) {
	struct cells *cells = context;
	const struct block_layout *layout = cells->layout;
	const struct kernels *kernels = kernels_for(XLSTM_BEST);
	size_t inner = layout->inner;

	for (size_t i = 0; i < DETECTORS; i++) {
		float *state = (float *)cells->steps.rows[i] + layout->state_at;
		const float *next =
			(float *)cells->steps.rows[(i + 1) % DETECTORS] + layout->state_at;
		struct mlstm_step step = {
			.heads = layout->heads,
			.keys = layout->units,
			.values = layout->units,
			.matrix = state,
			.normaliser = state + layout->state.normaliser,
			.stabiliser = state + layout->state.stabiliser,
			.q = cells->qkv,
			.k = cells->qkv + inner,
			.v = cells->qkv + 2 * inner,
			.input_gate = cells->gates,
			.forget_gate = cells->gates + layout->heads,
			.scratch = cells->scratch,
			.ahead = { next, next + layout->state.normaliser,
				next + layout->state.stabiliser },
		};
		kernels->mlstm_cell(cells->h, &step);
	}
}

static double cells_rate(uint32_t width, double *ret_bytes) {
	struct cells cells = { .steps = steps_open(width, 1, DETECTORS) };
	cells.layout = &model_layout(cells.steps.model)->blocks[0];
	size_t inner = cells.layout->inner, heads = cells.layout->heads;
	cells.qkv = memory(3 * inner * sizeof(float));
	cells.h = memory(inner * sizeof(float));
	cells.gates = memory(2 * heads * sizeof(float));
	cells.scratch = memory(4 * heads * sizeof(float));
	for (size_t i = 0; i < 3 * inner; i++)
		cells.qkv[i] = (float)(i % 13) / 6.0f - 1.0f;
	*ret_bytes = 2.0 * sizeof(float) * (double)(inner * (cells.layout->units + 1) + heads);

	double rate = best_rate(cells_run, &cells) * DETECTORS;
	free(cells.qkv);
	free(cells.h);
	free(cells.gates);
	free(cells.scratch);
	steps_close(&cells.steps);
	return rate;
}

/* The cell of a model that has nothing else, and a whole step of m-s-m. */
static void against_bandwidth(uint32_t width, double peak) {
	char what[64], details[128];
	double bytes, rate = cells_rate(width, &bytes);
	double bandwidth = update_bandwidth(DETECTORS * (size_t)bytes / 2);
	snprintf(what, sizeof(what), "mLSTM cell, width %u, bytes over bandwidth", width);
	snprintf(details, sizeof(details), "%.1f of %.1f GB/s", rate * bytes * 1e-9,
		bandwidth * 1e-9);
	row(what, rate * bytes / bandwidth, 0.8, details);

	/* The multiply-adds per token of docs/model.md. */
	double operations = width == 64 ? 117e3 : 422e3;
	struct steps steps = steps_open(width, 3, DETECTORS);
	double state = 2.0 * (double)xlstm_state_size(steps.model);
	double ideal = state / bandwidth + operations / peak;
	double spent = 1.0 / (best_rate(steps_run, &steps) * DETECTORS);
	snprintf(what, sizeof(what), "whole step, width %u, ideal over spent", width);
	snprintf(details, sizeof(details), "%.2f of %.2f us: traffic %.2f, products %.2f",
		ideal * 1e6, spent * 1e6, state / bandwidth * 1e6, operations / peak * 1e6);
	row(what, ideal / spent, 0.5, details);
	steps_close(&steps);
}

struct matmul {
	struct panels w;
	const float *x;
	float *y;
	size_t inputs, rows;
};

/* Often, so that the clock does not matter. */
enum { PRODUCTS = 64 };

static void matmul_run(void *context) {
	struct matmul *m = context;
	const struct kernels *kernels = kernels_for(XLSTM_BEST);
	for (size_t i = 0; i < PRODUCTS; i++)
		kernels->matmul(
			m->y, m->w.outputs, ADD_NOTHING, NULL, m->x, m->inputs, m->rows, &m->w);
}

static void against_peak(size_t outputs, size_t inputs, size_t rows, double peak) {
	float *values = memory(outputs * inputs * sizeof(float));
	float *x = memory(rows * inputs * sizeof(float)),
	      *y = memory(rows * outputs * sizeof(float));
	struct packer packer = { 0 };
	pack_dense(&packer, values, outputs, inputs);
	float *floats = memory(packer.float_count * sizeof(float));
	struct panel *panels = memory(packer.panel_count * sizeof(*panels));
	packer = (struct packer){ .floats = floats, .panels = panels };
	struct matmul matmul = { pack_dense(&packer, values, outputs, inputs), x, y, inputs, rows };

	char what[64], details[64];
	double rate = best_rate(matmul_run, &matmul) * PRODUCTS * (double)(outputs * inputs * rows);
	snprintf(what, sizeof(what), "product %zu x %zu, batch %zu, over a large sgemm", outputs,
		inputs, rows);
	snprintf(details, sizeof(details), "%.1f of %.1f GFLOP/s", 2e-9 * rate, 2e-9 * peak);
	row(what, rate / peak, 0.7, details);
	free(values);
	free(x);
	free(y);
	free(floats);
	free(panels);
}

/* Against other C: the mLSTM cell with its projections, one head of 32, inputs 32. */

enum { SIDE = 32, PROJECTED = 4 * SIDE + 2 };

typedef void (*other_mlstm_fn)(const float *x, const float *w, const float *b, float *y, float *c,
	float *n, float *m, float *scratch, int inputs, int units, const void *params);

struct other {
	other_mlstm_fn mlstm;
	struct panels packed;
	float *w, *bias, *x, *state, *projected, *h;
	const struct kernels *kernels;
};

static void other_run(void *context) {
	struct other *o = context;
	float *c = o->state, *n = c + SIDE * SIDE, *m = n + SIDE;
	for (size_t i = 0; i < 200; i++)
		o->mlstm(o->x, o->w, o->bias, o->h, c, n, m, o->projected, SIDE, SIDE, NULL);
}

static void same_cell_run(void *context) {
	struct other *o = context;
	const struct kernels *kernels = o->kernels;
	float *p = o->projected, *c = o->state, *n = c + SIDE * SIDE, *m = n + SIDE;
	float *output = p + 3 * SIDE + 2, scratch[4];
	struct mlstm_step step = {
		.heads = 1,
		.keys = SIDE,
		.values = SIDE,
		.matrix = c,
		.normaliser = n,
		.stabiliser = m,
		.q = p,
		.k = p + SIDE,
		.v = p + 2 * SIDE,
		.input_gate = p + 3 * SIDE,
		.forget_gate = p + 3 * SIDE + 1,
		.scratch = scratch,
	};
	for (size_t i = 0; i < 200; i++) {
		kernels->matmul(p, PROJECTED, ADD_BIAS, o->bias, o->x, SIDE, 1, &o->packed);
		kernels->mlstm_cell(o->h, &step);
		kernels->sigmoid(output, output, SIDE);
		for (size_t j = 0; j < SIDE; j++)
			o->h[j] *= output[j];
	}
}

static other_mlstm_fn load_other(const char *checkout, void **ret_library) {
	char command[1024], path[] = "/tmp/bench_step.XXXXXX";
	int fd = mkstemp(path);
	if (fd < 0)
		return NULL;
	close(fd);
	snprintf(command, sizeof(command),
		"cc -std=c99 -O2 -fPIC -shared -I'%s/include' '%s/src/mlstm.c' -o %s -lm", checkout,
		checkout, path);
	other_mlstm_fn mlstm = NULL;
	if (system(command) == 0)
		*ret_library = dlopen(path, RTLD_NOW);
	if (*ret_library)
		*(void **)&mlstm = dlsym(*ret_library, "mlstm_step_f32");
	unlink(path);
	return mlstm;
}

static void against_other(void) {
	const char *checkout = getenv("XLSTM_C"), *what = "mLSTM cell and its maps, over xlstm.c";
	void *library = NULL;
	struct other other = { .kernels = kernels_for(XLSTM_BEST) };
	if (checkout)
		other.mlstm = load_other(checkout, &library);
	if (!other.mlstm) {
		skipped(what, checkout ? "it does not compile" : "XLSTM_C names no checkout");
		return;
	}
	other.w = memory(PROJECTED * SIDE * sizeof(float));
	other.bias = memory(PROJECTED * sizeof(float));
	other.x = memory(SIDE * sizeof(float));
	other.state = memory((SIDE * SIDE + SIDE + 1) * sizeof(float));
	other.projected = memory(PROJECTED * sizeof(float));
	other.h = memory(SIDE * sizeof(float));
	for (size_t i = 0; i < PROJECTED * SIDE; i++)
		other.w[i] = (float)(i * 7919 % 1999) / 9995.0f - 0.1f;
	for (size_t i = 0; i < SIDE; i++)
		other.x[i] = (float)(i % 7) / 3.0f - 1.0f;
	struct packer packer = { 0 };
	pack_dense(&packer, other.w, PROJECTED, SIDE);
	float *floats = memory(packer.float_count * sizeof(float));
	struct panel *panels = memory(packer.panel_count * sizeof(*panels));
	packer = (struct packer){ .floats = floats, .panels = panels };
	other.packed = pack_dense(&packer, other.w, PROJECTED, SIDE);

	char details[96];
	double theirs = best_rate(other_run, &other) * 200, ours;
	memset(other.state, 0, (SIDE * SIDE + SIDE + 1) * sizeof(float));
	ours = best_rate(same_cell_run, &other) * 200;
	snprintf(details, sizeof(details), "%.2f against %.2f million a second", ours * 1e-6,
		theirs * 1e-6);
	row(what, ours / theirs, 4, details);
	free(other.w);
	free(other.bias);
	free(other.x);
	free(other.state);
	free(other.projected);
	free(other.h);
	free(floats);
	free(panels);
	dlclose(library);
}

int main(int argc, char **argv) {
	const char *script = argc > 1 ? argv[1] : "published.py";
	openblas_set_num_threads(1);
	printf("instructions: %s\n", kernels_for(XLSTM_BEST)->name);

	double peak = sgemm_peak();
	for (uint32_t width = 64; width <= 128; width *= 2)
		against_bandwidth(width, peak);
	for (size_t width = 64; width <= 128; width *= 2)
		for (size_t rows = 8; rows <= 64; rows *= 2) {
			against_peak(4 * width, width, rows, peak);
			against_peak(width, 2 * width, rows, peak);
		}
	against_other();
	against_published(script);
	return 0;
}
