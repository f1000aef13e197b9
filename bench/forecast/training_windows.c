/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short training with all that another implementation needs to repeat it: training.sh does, with
 * PyTorch.
 *
 *     training_windows START.safetensors STEPS WINDOWS
 *
 * Prints the loss of each step. WINDOWS is written: for each step and lane float64 numbers in the order of
 * write_window(), a file of some 2.3 MB a step.
 */
#include "trainer.h"
#include "xlstm/file.h"

#include <stdio.h>
#include <stdlib.h>

#define SEED  21
#define LANES TRAINER_SLICE
#define RATE  3e-3
#define DECAY 0.05

static void write_numbers(FILE *file, const double *numbers, size_t count) {
	if (fwrite(numbers, sizeof(*numbers), count, file) != count) {
		perror("training_windows: writing");
		exit(1);
	}
}

static void write_number(FILE *file, double number) {
	write_numbers(file, &number, 1);
}

static void write_point(FILE *file, const struct lane_point *point) {
	write_number(file, point->tick);
	for (int i = 0; i < NETWORK_LEADS; i++) {
		const struct network_lead *lead = &point->leads[i];
		write_numbers(file, lead->anchors, NETWORK_ANCHORS);
		write_numbers(file, lead->weights, NETWORK_ANCHORS);
		write_numbers(file, lead->corrections, NETWORK_CORRECTIONS);
		write_number(file, lead->unit);
		write_number(file, point->targets[i]);
	}
}

static void write_window(FILE *file, const struct lane_window *window) {
	write_number(file, window->fresh);
	write_numbers(file, window->scales, NETWORK_LEADS);
	for (int i = 0; i < LANE_WINDOW * NETWORK_INPUTS; i++)
		write_number(file, (double)window->inputs[i]);
	for (int i = 0; i < LANE_POINTS; i++)
		write_point(file, &window->points[i]);
}

static void check(int r, const char *what) {
	if (r < 0) {
		fprintf(stderr, "training_windows: %s: code %d\n", what, r);
		exit(1);
	}
}

/* What a lane shows depends on seed, lane and step alone: these show what the trainer's own do. */
static void write_windows(FILE *file, const struct lane_source *source, uint64_t steps) {
	static struct lane_window window;
	struct lane *lanes[LANES];
	struct synthetic_room *room;
	check(synthetic_room_create(&room), "memory");
	for (uint32_t i = 0; i < LANES; i++)
		check(lane_create(&lanes[i], source, i), "memory");
	for (uint64_t step = 0; step < steps; step++)
		for (uint32_t i = 0; i < LANES; i++) {
			lane_next(lanes[i], room, &window);
			write_window(file, &window);
		}
	for (uint32_t i = 0; i < LANES; i++)
		lane_destroy(lanes[i]);
	synthetic_room_destroy(room);
}

static void train(const struct trainer_options *options) {
	struct trainer *trainer;
	check(trainer_create(&trainer, options), "trainer");
	for (uint64_t step = 0; step < options->steps; step++)
		printf("%.9g\n", trainer_step(trainer));
	trainer_destroy(trainer);
}

int main(int argc, char **argv) {
	struct xlstm_weights *start;
	if (argc != 4) {
		fprintf(stderr, "Usage: training_windows START.safetensors STEPS WINDOWS\n");
		return 2;
	}
	check(xlstm_weights_open(&start, argv[1], NULL), argv[1]);
	const struct trainer_options options = { .source = { .seed = SEED },
		.steps = strtoull(argv[2], NULL, 10),
		.lanes = LANES,
		.threads = 1,
		.rate = RATE,
		.decay = DECAY,
		.young = 1,
		.start = start };
	FILE *file = fopen(argv[3], "wb");
	if (!file) {
		perror(argv[3]);
		return 1;
	}
	write_windows(file, &options.source, options.steps);
	if (fclose(file) != 0) {
		perror(argv[3]);
		return 1;
	}
	train(&options);
	xlstm_weights_destroy(start);
	return 0;
}
