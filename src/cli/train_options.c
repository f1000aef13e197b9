/* SPDX-License-Identifier: Apache-2.0 */
#include "train.h"

#include "error.h"
#include "num.h"
#include "timestamp.h"
#include "trainer.h"
#include "verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"Usage: xlstmctl train --out FILE [OPTION...] [FILE.csv...]\n"
	"\n"
	"Trains the network's weights on synthetic series made on the fly and, if files are\n"
	"named, on stretches of the series in them. Stopped by an interrupt it writes what\n"
	"it has, and --resume goes on from there.\n"
	"\n"
	"      --out FILE           weights to write\n"
	"      --start FILE         weights to start from (fresh ones)\n"
	"      --blocks ss          fresh ones: s for an sLSTM block, m for an mLSTM block\n"
	"      --width N            fresh ones: width (64), of --heads N (4)\n"
	"      --pool FORM          series of the files see those that move with them: mean,\n"
	"                           inverse (distance) or attention, of --keys N (32)\n"
	"      --frozen             nothing but the pooling learns\n"
	"      --steps N            steps in all (4500), each a window of 128 ticks per lane\n"
	"      --lanes N            series side by side, a multiple of 16 (64)\n"
	"      --rate R             largest step (0.003), after 100 steps; a cosine to 1%\n"
	"      --decay D            weight decay (0.05)\n"
	"      --young W            weight of a series' first two periods (1)\n"
	"      --seed N             of weights and series (1)\n"
	"      --threads N          the result does not depend on it (all processors)\n"
	"      --checkpoint FILE    all that is needed to go on, written at every report\n"
	"      --resume             go on from the checkpoint, if there is one\n"
	"      --report-every N     steps (250)\n"
	"\n"
	"      --time COLUMN        files: time of the row; without it rows are ticks\n"
	"      --step DURATION      length of a tick, as 15m or 1h; needed with files\n"
	"      --channels A,B,...   columns to learn from (all)\n"
	"      --missing A,B,...    cells that mean \"no value\" (empty ones always do)\n"
	"      --until SHARE        read only the first part of the rows (1)\n"
	"      --share SHARE        of the series that come from the files (0.5)\n"
	"      --json               print the report as JSON\n"
	"  -h, --help               print this\n";

enum option_code {
	OPTION_OUT = 1000,
	OPTION_START,
	OPTION_BLOCKS,
	OPTION_WIDTH,
	OPTION_HEADS,
	OPTION_POOL,
	OPTION_KEYS,
	OPTION_FROZEN,
	OPTION_STEPS,
	OPTION_LANES,
	OPTION_RATE,
	OPTION_DECAY,
	OPTION_YOUNG,
	OPTION_SEED,
	OPTION_THREADS,
	OPTION_CHECKPOINT,
	OPTION_RESUME,
	OPTION_REPORT_EVERY,
	OPTION_TIME,
	OPTION_STEP,
	OPTION_CHANNELS,
	OPTION_MISSING,
	OPTION_UNTIL,
	OPTION_SHARE,
	OPTION_JSON,
};

static const struct option long_options[] = {
	{ "out", required_argument, NULL, OPTION_OUT },
	{ "start", required_argument, NULL, OPTION_START },
	{ "blocks", required_argument, NULL, OPTION_BLOCKS },
	{ "width", required_argument, NULL, OPTION_WIDTH },
	{ "heads", required_argument, NULL, OPTION_HEADS },
	{ "pool", required_argument, NULL, OPTION_POOL },
	{ "keys", required_argument, NULL, OPTION_KEYS },
	{ "frozen", no_argument, NULL, OPTION_FROZEN },
	{ "steps", required_argument, NULL, OPTION_STEPS },
	{ "lanes", required_argument, NULL, OPTION_LANES },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "decay", required_argument, NULL, OPTION_DECAY },
	{ "young", required_argument, NULL, OPTION_YOUNG },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "threads", required_argument, NULL, OPTION_THREADS },
	{ "checkpoint", required_argument, NULL, OPTION_CHECKPOINT },
	{ "resume", no_argument, NULL, OPTION_RESUME },
	{ "report-every", required_argument, NULL, OPTION_REPORT_EVERY },
	{ "time", required_argument, NULL, OPTION_TIME },
	{ "step", required_argument, NULL, OPTION_STEP },
	{ "channels", required_argument, NULL, OPTION_CHANNELS },
	{ "missing", required_argument, NULL, OPTION_MISSING },
	{ "until", required_argument, NULL, OPTION_UNTIL },
	{ "share", required_argument, NULL, OPTION_SHARE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

enum xlstm_pool train_pool(const char *name) {
	static const char *const names[] = { [XLSTM_MEAN_POOL] = "mean",
		[XLSTM_INVERSE_POOL] = "inverse",
		[XLSTM_ATTENTION_POOL] = "attention" };
	for (enum xlstm_pool pool = XLSTM_MEAN_POOL; pool <= XLSTM_ATTENTION_POOL; pool++)
		if (strcmp(names[pool], name) == 0)
			return pool;
	return XLSTM_NO_POOL;
}

static int read_count(const char *text, int64_t least, int64_t most, uint64_t *ret_count) {
	int64_t value;
	if (num_read_int(span_text(text), &value) < 0 || value < least || value > most)
		return E_USAGE;
	*ret_count = (uint64_t)value;
	return 0;
}

static int read_part(const char *text, double most, double *ret_part) {
	double value;
	if (num_read(span_text(text), &value) < 0 || value < 0 || value > most)
		return E_USAGE;
	*ret_part = value;
	return 0;
}

static int take_numbers(struct train_options *options, int code, const char *argument) {
	switch (code) {
	case OPTION_WIDTH: return read_count(argument, 4, 1024, &options->width);
	case OPTION_KEYS: return read_count(argument, 1, 1024, &options->keys);
	case OPTION_HEADS: return read_count(argument, 1, 64, &options->heads);
	case OPTION_STEPS: return read_count(argument, 1, 100000000, &options->steps);
	case OPTION_LANES: return read_count(argument, 1, 4096, &options->lanes);
	case OPTION_SEED: return read_count(argument, 0, INT64_MAX, &options->seed);
	case OPTION_THREADS: return read_count(argument, 1, 64, &options->threads);
	case OPTION_REPORT_EVERY: return read_count(argument, 1, 100000000, &options->every);
	case OPTION_RATE: return read_part(argument, 1, &options->rate);
	case OPTION_DECAY: return read_part(argument, 10, &options->decay);
	case OPTION_YOUNG: return read_part(argument, 100, &options->young);
	case OPTION_UNTIL: return read_part(argument, 1, &options->until);
	case OPTION_SHARE: return read_part(argument, 1, &options->share);
	default: return E_USAGE;
	}
}

/* Takes one option. 0 or an error. */
static int take_option(struct train_options *options, int code, const char *argument) {
	switch (code) {
	case OPTION_OUT: options->out = argument; return 0;
	case OPTION_START: options->start = argument; return 0;
	case OPTION_BLOCKS: options->blocks = argument; return 0;
	case OPTION_POOL: options->pool = argument; return 0;
	case OPTION_FROZEN: options->frozen = true; return 0;
	case OPTION_CHECKPOINT: options->checkpoint = argument; return 0;
	case OPTION_RESUME: options->resume = true; return 0;
	case OPTION_TIME: options->columns.time = argument; return 0;
	case OPTION_STEP: return duration_read(span_text(argument), &options->columns.step_ms);
	case OPTION_CHANNELS: options->columns.channels = argument; return 0;
	case OPTION_MISSING: options->columns.missing = argument; return 0;
	case OPTION_JSON: options->json = true; return 0;
	default: return take_numbers(options, code, argument);
	}
}

static const char *option_name(int code) {
	for (const struct option *option = long_options; option->name; option++)
		if (option->val == code)
			return option->name;
	return "?";
}

static int complain(const char *problem) {
	fprintf(stderr, "xlstmctl train: %s; see xlstmctl train --help\n", problem);
	return VERB_USAGE;
}

/* What no single option shows. -1: go on. */
static int check_together(const struct train_options *options) {
	if (!options->out)
		return complain("--out is needed");
	if (options->lanes % TRAINER_SLICE)
		return complain("--lanes takes a multiple of 16");
	if (options->resume && !options->checkpoint)
		return complain("--resume needs --checkpoint");
	if (options->file_count > 0 && options->columns.step_ms <= 0)
		return complain("files need --step");
	if (options->pool && train_pool(options->pool) == XLSTM_NO_POOL)
		return complain("--pool takes mean, inverse or attention");
	if (options->pool && options->file_count == 0)
		return complain("--pool needs files: synthetic series have no neighbours");
	if (strspn(options->blocks, "sm") != strlen(options->blocks) || !*options->blocks)
		return complain("--blocks takes letters s and m");
	return -1;
}

static void set_defaults(struct train_options *options) {
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	*options = (struct train_options){ .blocks = "ss",
		.width = 64,
		.heads = 4,
		.keys = 32,
		.steps = 4500,
		.seed = 1,
		.lanes = 64,
		.threads = processors > 0 ? (uint64_t)processors : 1,
		.rate = 3e-3,
		.decay = 0.05,
		.young = 1,
		.every = 250,
		.columns = { .verb = "train" },
		.share = 0.5,
		.until = 1 };
}

int train_options_parse(struct train_options *options, int argc, char **argv) {
	int code;
	set_defaults(options);
	optind = 0;
	while ((code = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (code == 'h') {
			fputs(usage, stdout);
			return VERB_OK;
		}
		if (code == '?')
			return VERB_USAGE;
		if (take_option(options, code, optarg) < 0) {
			fprintf(stderr, "xlstmctl train: --%s does not take \"%s\"\n",
				option_name(code), optarg);
			return VERB_USAGE;
		}
	}
	options->files = argv + optind;
	options->file_count = (size_t)(argc - optind);
	return check_together(options);
}
