/* SPDX-License-Identifier: Apache-2.0 */
/* xlstmctl train: pretraining on synthetic series and CSV files. */
#include "train.h"

#include "error.h"
#include "num.h"
#include "relatives.h"
#include "train_report.h"
#include "trainer.h"
#include "verbs.h"
#include "xlstm/error.h"
#include "xlstm/file.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Losses that the one which is shown is a mean of. */
#define SHOWN 50

static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
	(void)signal_number;
	stopped = 1;
}

struct run {
	const struct train_options *options;
	struct recorded *recorded; /* NULL: none */
	struct relatives *relatives; /* of these; NULL: weights do not pool */
	struct trainer *trainer;
	struct xlstm_weights *average; /* what is written */
	struct train_run figures;
	uint64_t first; /* step that this run began at */
	double began;
};

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int fail(const char *what, int code) {
	const char *text = code <= -2000 ? xlstm_error_text(code) : error_text(code);
	fprintf(stderr, "xlstmctl train: %s: %s\n", what, text);
	return VERB_FAILED;
}

/* Fresh weights of the shape that was asked for. */
static int create_fresh(const struct train_options *options, struct xlstm_weights **ret_weights) {
	struct xlstm_shape shape = { .inputs = NETWORK_INPUTS,
		.width = (uint32_t)options->width,
		.outputs = NETWORK_OUTPUTS };
	if (strlen(options->blocks) > XLSTM_BLOCKS_MAX)
		return XLSTM_E_BLOCKS;
	for (const char *block = options->blocks; *block; block++)
		shape.blocks[shape.block_count++] =
			xlstm_block_published(*block == 's' ? XLSTM_SLSTM : XLSTM_MLSTM,
				shape.width, (uint32_t)options->heads);
	int r = xlstm_weights_create(ret_weights, &shape);
	if (r == 0)
		r = xlstm_weights_initialise(*ret_weights, options->seed);
	return r;
}

static int open_start(const struct train_options *options, struct xlstm_weights **ret_weights) {
	struct xlstm_weights *mapped;
	if (!options->start)
		return create_fresh(options, ret_weights);
	int r = xlstm_weights_open(&mapped, options->start, NULL);
	if (r < 0)
		return r;
	r = xlstm_weights_clone(ret_weights, mapped);
	xlstm_weights_destroy(mapped);
	return r;
}

/* With a pooling added, or another one. */
static int add_pool(const struct train_options *options, struct xlstm_weights **weights) {
	struct xlstm_weights *pooled;
	if (!options->pool)
		return 0;
	enum xlstm_pool pool = train_pool(options->pool);
	uint32_t keys = pool == XLSTM_ATTENTION_POOL ? (uint32_t)options->keys : 0;
	int r = xlstm_weights_with_pool(&pooled, *weights, pool, keys, options->seed);
	if (r < 0)
		return r;
	xlstm_weights_destroy(*weights);
	*weights = pooled;
	return 0;
}

static int note(struct xlstm_weights *weights, const char *key, double value) {
	char text[NUM_TEXT_MAX + 1];
	text[num_write(text, value)] = '\0';
	return xlstm_note_set(weights, key, text);
}

/* What travels with the weights. */
static int write_notes(struct xlstm_weights *weights, const struct train_options *options) {
	int r = xlstm_note_set(weights, "trained by", "xlstmctl train " VERSION);
	if (r == 0)
		r = note(weights, "seed", (double)options->seed);
	if (r == 0)
		r = note(weights, "steps", (double)options->steps);
	if (r == 0)
		r = note(weights, "lanes", (double)options->lanes);
	if (r == 0)
		r = note(weights, "rate", options->rate);
	if (r == 0)
		r = note(weights, "young", options->young);
	if (r == 0)
		r = note(weights, "recorded share", options->file_count ? options->share : 0);
	return r;
}

static struct lane_source source_of(const struct run *run) {
	return (struct lane_source){ .seed = run->options->seed,
		.recorded = run->recorded,
		.recorded_share = run->recorded ? run->options->share : 0,
		.relatives = run->relatives };
}

static int open_trainer(struct run *run) {
	const struct train_options *options = run->options;
	const char *from = options->start ? options->start : "fresh weights";
	struct trainer_options trainer = {
		.steps = options->steps,
		.lanes = (uint32_t)options->lanes,
		.threads = (uint32_t)options->threads,
		.rate = options->rate,
		.decay = options->decay,
		.young = options->young,
		.frozen = options->frozen,
	};
	int r = open_start(options, &run->average);
	if (r == 0)
		r = add_pool(options, &run->average);
	if (r == 0 && run->recorded && xlstm_weights_shape(run->average)->pool)
		r = relatives_create(&run->relatives, run->recorded);
	if (r < 0)
		return fail(from, r);
	trainer.source = source_of(run);
	trainer.start = run->average;
	r = trainer_create(&run->trainer, &trainer);
	if (r == 0)
		r = write_notes(run->average, options);
	return r < 0 ? fail(from, r) : VERB_OK;
}

/* A checkpoint that is not there yet is no reason not to start. */
static int resume(struct run *run) {
	const char *path = run->options->checkpoint;
	if (!run->options->resume)
		return VERB_OK;
	int r = trainer_resume(run->trainer, path);
	if (r < 0 && r != -ENOENT)
		return fail(path, r);
	run->first = trainer_steps(run->trainer);
	return VERB_OK;
}

static int run_open(struct run *run) {
	const struct train_options *options = run->options;
	if (options->file_count > 0 &&
		recorded_create(&run->recorded, options->files, options->file_count,
			&options->columns, options->until) < 0)
		return VERB_FAILED;
	int status = open_trainer(run);
	return status == VERB_OK ? resume(run) : status;
}

static void run_close(struct run *run) {
	trainer_destroy(run->trainer);
	xlstm_weights_destroy(run->average);
	relatives_destroy(run->relatives);
	recorded_destroy(run->recorded);
}

/* Writes what there is. */
static int run_write(struct run *run) {
	const struct train_options *options = run->options;
	trainer_average(run->trainer, run->average);
	int r = xlstm_weights_save(run->average, options->out);
	if (r < 0)
		return fail(options->out, r);
	if (!options->checkpoint)
		return VERB_OK;
	r = trainer_save(run->trainer, options->checkpoint);
	return r < 0 ? fail(options->checkpoint, r) : VERB_OK;
}

static void update_figures(struct run *run) {
	uint64_t per_step = run->options->lanes * LANE_WINDOW;
	uint64_t steps = trainer_steps(run->trainer);
	run->figures.steps = steps;
	run->figures.ticks = steps * per_step;
	run->figures.seconds = now() - run->began;
	run->figures.ticks_per_second =
		(double)((steps - run->first) * per_step) / fmax(run->figures.seconds, 1e-9);
}

static int measure(struct run *run, struct held_out *held_out) {
	trainer_average(run->trainer, run->average);
	const struct lane_source source = source_of(run);
	int r = held_out_measure(run->average, &source, HELD_OUT_LANES, held_out);
	return r < 0 ? fail("held-out series", r) : VERB_OK;
}

/* A line in between, on standard error. */
static int report_progress(struct run *run) {
	struct held_out held_out;
	int status = measure(run, &held_out);
	if (status != VERB_OK)
		return status;
	struct held_out_loss young = held_out_sum(&held_out, HELD_OUT_YOUNG);
	struct held_out_loss later = held_out_sum(&held_out, HELD_OUT_LATER);
	update_figures(run);
	fprintf(stderr,
		"%sstep %" PRIu64 " of %" PRIu64 ": loss %.4f; held out, over closed form: "
		"young %.4f, later %.4f; %.0f ticks/s, %.0f s\n",
		isatty(STDERR_FILENO) ? "\r\033[K" : "", run->figures.steps, run->options->steps,
		run->figures.loss, young.network / young.closed, later.network / later.closed,
		run->figures.ticks_per_second, run->figures.seconds);
	return run_write(run);
}

static void show_step(struct run *run) {
	update_figures(run);
	double left = (double)(run->options->steps - run->figures.steps) *
		      (double)(run->options->lanes * LANE_WINDOW) /
		      fmax(run->figures.ticks_per_second, 1);
	fprintf(stderr,
		"\r\033[Kstep %" PRIu64 " of %" PRIu64 ", loss %.4f, %.0f ticks/s, %.0f min left",
		run->figures.steps, run->options->steps, run->figures.loss,
		run->figures.ticks_per_second, left / 60);
}

static void count_loss(struct train_run *figures, double loss) {
	if (isnan(loss))
		figures->skipped++;
	else if (isnan(figures->loss))
		figures->loss = loss;
	else
		figures->loss += (loss - figures->loss) / SHOWN;
}

/* Steps until all are done, or somebody stops it. */
static int run_steps(struct run *run) {
	const struct train_options *options = run->options;
	bool terminal = isatty(STDERR_FILENO);
	while (!stopped && trainer_steps(run->trainer) < options->steps) {
		count_loss(&run->figures, trainer_step(run->trainer));
		if (terminal)
			show_step(run);
		if (trainer_steps(run->trainer) % options->every == 0 &&
			report_progress(run) != VERB_OK)
			return VERB_FAILED;
	}
	if (terminal)
		fputs("\r\033[K", stderr);
	return VERB_OK;
}

static void catch_interrupts(void) {
	struct sigaction action = { .sa_handler = stop, .sa_flags = (int)SA_RESETHAND };
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static int say_stopped(const struct run *run) {
	fprintf(stderr, "xlstmctl train: stopped at step %" PRIu64 " of %" PRIu64 "%s\n",
		run->figures.steps, run->options->steps,
		run->options->checkpoint ? "; --resume goes on" : "");
	return VERB_FAILED;
}

static int run_all(struct run *run) {
	struct held_out held_out;
	int status = run_open(run);
	if (status != VERB_OK)
		return status;
	catch_interrupts();
	run->began = now();
	status = run_steps(run);
	update_figures(run);
	if (status == VERB_OK)
		status = run_write(run);
	if (status != VERB_OK || stopped)
		return status == VERB_OK ? say_stopped(run) : status;
	status = measure(run, &held_out);
	if (status != VERB_OK)
		return status;
	int r = train_report(&run->figures, &held_out, run->options->json, stdout);
	return r < 0 ? fail("report", r) : VERB_OK;
}

int train_run(int argc, char **argv) {
	struct train_options options;
	int status = train_options_parse(&options, argc, argv);
	if (status >= 0)
		return status;
	struct run run = { .options = &options, .figures = { .loss = NAN } };
	status = run_all(&run);
	run_close(&run);
	return status;
}
