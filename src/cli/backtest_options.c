/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest.h"
#include "config_source.h"
#include "error.h"
#include "num.h"
#include "timestamp.h"
#include "verbs.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The group that the detectors of a file form. */
#define GROUP_OF_FILE "file"

static const char usage[] =
	"Usage: xlstmctl backtest FILE.csv [OPTION...]\n"
	"\n"
	"Walks through a file with the daemon's own engine: at each row everything up to\n"
	"it is known and nothing else, and forecasts are scored as their values arrive.\n"
	"FILE may be compressed by gzip; - is standard input.\n"
	"\n"
	"      --time COLUMN        time of the row; without it rows are one step apart\n"
	"      --step DURATION      the clock's step, as 15m or 1h (inferred)\n"
	"      --channels A,B,...   columns to forecast (all)\n"
	"      --detector-column C  column that names the row's detector (one detector)\n"
	"      --wide               each column is a detector of its own\n"
	"      --group              detectors see their neighbours\n"
	"      --blind              with --group: they learn together, seeing nobody\n"
	"      --positions FILE     where they are: detector, and latitude and longitude or x and "
	"y\n"
	"      --adjacency FILE     who may be whose neighbour: from, to, weight\n"
	"      --missing A,B,...    cells that mean \"no value\" (empty ones always do)\n"
	"      --season N,M         seasons in steps, the shorter first (found)\n"
	"      --horizons A,B,...   steps ahead to be scored (1,24)\n"
	"      --config FILE        experts, model and the first source's seasons from the\n"
	"                           daemon's configuration; later options override it\n"
	"      --model FILE         the network's weights, or none (auto: installed)\n"
	"      --learn on|off       whether the network learns on the way (on)\n"
	"      --experts A,B,...    experts that take part (all)\n"
	"      --shifts on|off      whether what was learned follows shifts of the level (on)\n"
	"      --lean               rows of little memory, as `rows = lean` does\n"
	"      --zscore-rows N      scores in deviations over the first N rows\n"
	"      --score-from ROW     first row whose forecasts are scored (0)\n"
	"      --score-to ROW       row before which scoring ends (the last)\n"
	"      --score-first N      only the first N series are scored (all)\n"
	"      --score-below VALUE  only rows whose last value is smaller (any)\n"
	"      --forecasts FILE     write the forecasts themselves as CSV\n"
	"      --forecast-every K   ... of every Kth row only\n"
	"      --json               print JSON\n"
	"  -h, --help               print this\n";

enum option_code {
	OPTION_TIME = 1000,
	OPTION_STEP,
	OPTION_CHANNELS,
	OPTION_DETECTOR_COLUMN,
	OPTION_WIDE,
	OPTION_GROUP,
	OPTION_BLIND,
	OPTION_POSITIONS,
	OPTION_ADJACENCY,
	OPTION_MISSING,
	OPTION_SEASON,
	OPTION_HORIZONS,
	OPTION_EXPERTS,
	OPTION_MODEL,
	OPTION_LEARN,
	OPTION_CONFIG,
	OPTION_SHIFTS,
	OPTION_LEAN,
	OPTION_ZSCORE_ROWS,
	OPTION_SCORE_FROM,
	OPTION_SCORE_TO,
	OPTION_SCORE_FIRST,
	OPTION_SCORE_BELOW,
	OPTION_FORECASTS,
	OPTION_FORECAST_EVERY,
	OPTION_JSON,
};

static const struct option long_options[] = {
	{ "time", required_argument, NULL, OPTION_TIME },
	{ "step", required_argument, NULL, OPTION_STEP },
	{ "channels", required_argument, NULL, OPTION_CHANNELS },
	{ "detector-column", required_argument, NULL, OPTION_DETECTOR_COLUMN },
	{ "wide", no_argument, NULL, OPTION_WIDE },
	{ "group", no_argument, NULL, OPTION_GROUP },
	{ "blind", no_argument, NULL, OPTION_BLIND },
	{ "positions", required_argument, NULL, OPTION_POSITIONS },
	{ "adjacency", required_argument, NULL, OPTION_ADJACENCY },
	{ "missing", required_argument, NULL, OPTION_MISSING },
	{ "season", required_argument, NULL, OPTION_SEASON },
	{ "horizons", required_argument, NULL, OPTION_HORIZONS },
	{ "experts", required_argument, NULL, OPTION_EXPERTS },
	{ "learn", required_argument, NULL, OPTION_LEARN },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "model", required_argument, NULL, OPTION_MODEL },
	{ "shifts", required_argument, NULL, OPTION_SHIFTS },
	{ "lean", no_argument, NULL, OPTION_LEAN },
	{ "zscore-rows", required_argument, NULL, OPTION_ZSCORE_ROWS },
	{ "score-from", required_argument, NULL, OPTION_SCORE_FROM },
	{ "score-to", required_argument, NULL, OPTION_SCORE_TO },
	{ "score-first", required_argument, NULL, OPTION_SCORE_FIRST },
	{ "score-below", required_argument, NULL, OPTION_SCORE_BELOW },
	{ "forecasts", required_argument, NULL, OPTION_FORECASTS },
	{ "forecast-every", required_argument, NULL, OPTION_FORECAST_EVERY },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int read_count(const char *text, uint64_t *ret_count) {
	int64_t value;
	if (num_read_int(span_text(text), &value) < 0 || value < 0)
		return E_USAGE;
	*ret_count = (uint64_t)value;
	return 0;
}

/* Reads "1,24,48" into at most `most` numbers from 1 to `largest`. */
static int read_list(
	const char *text, uint32_t *numbers, uint32_t most, uint32_t largest, uint32_t *ret_count) {
	struct span list = span_text(text);
	uint32_t count = 0;
	while (list.data) {
		int64_t value;
		int r = num_read_int(span_cut(&list, ','), &value);
		if (r < 0 || value < 1 || value > (int64_t)largest || count == most)
			return E_USAGE;
		numbers[count++] = (uint32_t)value;
	}
	*ret_count = count;
	return 0;
}

static int read_switch(const char *text, bool *ret_on) {
	*ret_on = strcmp(text, "on") == 0;
	return *ret_on || strcmp(text, "off") == 0 ? 0 : E_USAGE;
}

/* The files about the group that the first source is in. */
static void take_group(struct backtest_options *options, const struct config *config) {
	for (size_t i = 0; i < config->group_count && config->source_count > 0; i++) {
		const struct config_group *group = &config->groups[i];
		if (strcmp(group->heading.name, config->sources[0].group) != 0)
			continue;
		options->positions = group->positions;
		options->adjacency = group->adjacency;
	}
}

/* What the daemon would forecast with: 0, or an error that has been said. */
static int take_config(struct backtest_options *options, const char *path) {
	struct text problems = { 0 };
	config_destroy(options->config);
	options->config = NULL;
	int r = config_load(path, &problems, &options->config);
	fprintf(stderr, "%.*s", SPAN_PRINT(text_span(&problems)));
	text_finish(&problems);
	if (r < 0)
		return r;

	const struct config *config = options->config;
	options->model = config->forecast.model;
	take_group(options, config);
	if (config->source_count > 0)
		return config_forecast_options(config, &config->sources[0], &options->forecast);
	return config_experts(config, &options->forecast.experts);
}

/* Takes one option. 0 or an error. */
static int take_option(struct backtest_options *options, int code, const char *argument) {
	uint32_t count;
	switch (code) {
	case OPTION_TIME: options->time = argument; return 0;
	case OPTION_STEP: return duration_read(span_text(argument), &options->step_ms);
	case OPTION_CHANNELS: options->channels = argument; return 0;
	case OPTION_DETECTOR_COLUMN: options->detector_column = argument; return 0;
	case OPTION_WIDE: options->wide = true; return 0;
	case OPTION_GROUP: strcpy(options->forecast.group, GROUP_OF_FILE); return 0;
	case OPTION_BLIND: options->forecast.blind = true; return 0;
	case OPTION_POSITIONS: options->positions = argument; return 0;
	case OPTION_ADJACENCY: options->adjacency = argument; return 0;
	case OPTION_MISSING: options->missing = argument; return 0;
	case OPTION_SEASON:
		return read_list(
			argument, options->forecast.seasons, SEASONS_MAX, SEASON_LIMIT, &count);
	case OPTION_HORIZONS:
		return read_list(argument, options->horizons, BACKTEST_HORIZONS, HORIZON_MAX,
			&options->horizons_count);
	case OPTION_EXPERTS:
		return expert_mask_read(span_text(argument), &options->forecast.experts);
	case OPTION_MODEL: options->model = argument; return 0;
	case OPTION_LEARN: return read_switch(argument, &options->learning.enabled);
	case OPTION_CONFIG: return take_config(options, argument);
	case OPTION_SHIFTS: return read_switch(argument, &options->forecast.shifts);
	case OPTION_LEAN: options->forecast.rows = ROWS_LEAN; return 0;
	case OPTION_ZSCORE_ROWS: return read_count(argument, &options->zscore_rows);
	case OPTION_SCORE_FROM: return read_count(argument, &options->score_from);
	case OPTION_SCORE_TO: return read_count(argument, &options->score_to);
	case OPTION_SCORE_FIRST: return read_count(argument, &options->score_first);
	case OPTION_SCORE_BELOW: return num_read(span_text(argument), &options->score_below);
	case OPTION_FORECASTS: options->forecasts = argument; return 0;
	case OPTION_FORECAST_EVERY: return read_count(argument, &options->forecast_every);
	case OPTION_JSON: options->json = true; return 0;
	default: return E_USAGE;
	}
}

static void default_options(struct backtest_options *options) {
	*options = (struct backtest_options){
		.horizons = { 1, 24 },
		.horizons_count = 2,
		.model = "auto",
		.positions = "",
		.adjacency = "",
		.score_to = UINT64_MAX,
		.score_first = UINT64_MAX,
		.score_below = INFINITY,
		.forecast_every = 1,
	};
	forecast_options_init(&options->forecast);
	learning_options_init(&options->learning);
	options->learning.enabled = true;
}

static int usage_error(const char *problem, const char *what) {
	fprintf(stderr, "xlstmctl backtest: %s%s; see xlstmctl backtest --help\n", problem, what);
	return VERB_USAGE;
}

/* What the options say together. */
static int check_options(struct backtest_options *options) {
	options->forecast.horizon = 0;
	for (uint32_t i = 0; i < options->horizons_count; i++)
		if (options->horizons[i] > options->forecast.horizon)
			options->forecast.horizon = options->horizons[i];
	if (forecast_options_check(&options->forecast) < 0)
		return usage_error("the seasons make no sense", "");
	if (!options->time && !options->step_ms)
		return usage_error("without --time the --step must be known", "");
	if (options->wide && options->detector_column)
		return usage_error("--wide and --detector-column exclude each other", "");
	if ((options->positions[0] || options->adjacency[0]) && !options->forecast.group[0])
		return usage_error("--positions and --adjacency are of a --group", "");
	if (options->forecast_every == 0)
		return usage_error("--forecast-every must be positive", "");
	return VERB_OK;
}

int backtest_options_parse(struct backtest_options *options, int argc, char **argv) {
	int code, index = 0;
	default_options(options);
	optind = 0;
	opterr = 0;
	while ((code = getopt_long(argc, argv, "h", long_options, &index)) != -1) {
		if (code == 'h') {
			fputs(usage, stdout);
			return VERB_OK;
		}
		if (code == '?')
			return usage_error(
				"wrong option: ", optind > 1 ? argv[optind - 1] : argv[argc - 1]);
		if (take_option(options, code, optarg) < 0) {
			fprintf(stderr, "xlstmctl backtest: wrong --%s \"%s\"\n",
				long_options[index].name, optarg);
			return VERB_USAGE;
		}
	}
	if (optind + 1 != argc)
		return usage_error("expected one file", "");
	options->file = argv[optind];
	int status = check_options(options);
	return status == VERB_OK ? -1 : status;
}

void backtest_options_finish(struct backtest_options *options) {
	config_destroy(options->config);
}
