/* SPDX-License-Identifier: Apache-2.0 */
#include "replay_options.h"

#include "num.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
	"Usage: xlstmctl replay --time COLUMN [OPTION...] FILE.csv...\n\n"
	"Publishes a file's readings over MQTT, as JSON with the file's own times, at its own "
	"pace\n"
	"or faster. FILE may be compressed by gzip; - is standard input.\n\n"
	"  --time COLUMN         the time of a row\n"
	"  --channels A,B        columns to publish (all others)\n"
	"  --detector NAME       the file's detector (its name without folder and endings)\n"
	"  --detector-column C   column that names the row's detector\n"
	"  --wide                each column is a detector with one channel, \"value\"\n"
	"  --missing A,B         cells that mean no value; empty ones always do\n"
	"  --topic TEMPLATE      where to publish: {detector} and {channel} are filled in; with\n"
	"                        {channel} there is a message for each value (replay/{detector})\n"
	"  --speed N             N times faster than it was (1)\n"
	"  --rate N              N rows a second, whatever the file's times\n"
	"  --fast                as fast as the broker takes them\n"
	"  --lockstep            a row when the forecasts of the one before have come\n"
	"  --base TOPIC          base topic of the daemon, for --lockstep (xlstm)\n"
	"  --qos 0|1|2           quality of service (1)\n"
	"  --limit N             only the first N rows\n"
	"  --skip N              leave out the first N rows\n"
	"  --json                say in JSON what was sent\n"
	"  --help                this text\n\n" LINK_HELP;

enum {
	OPTION_TIME = 0x200,
	OPTION_CHANNELS,
	OPTION_DETECTOR,
	OPTION_DETECTOR_COLUMN,
	OPTION_WIDE,
	OPTION_MISSING,
	OPTION_TOPIC,
	OPTION_SPEED,
	OPTION_RATE,
	OPTION_FAST,
	OPTION_LOCKSTEP,
	OPTION_BASE,
	OPTION_QOS,
	OPTION_LIMIT,
	OPTION_SKIP,
	OPTION_JSON,
	OPTION_HELP,
};

static const struct option long_options[] = {
	LINK_LONG_OPTIONS,
	{ "time", required_argument, NULL, OPTION_TIME },
	{ "channels", required_argument, NULL, OPTION_CHANNELS },
	{ "detector", required_argument, NULL, OPTION_DETECTOR },
	{ "detector-column", required_argument, NULL, OPTION_DETECTOR_COLUMN },
	{ "wide", no_argument, NULL, OPTION_WIDE },
	{ "missing", required_argument, NULL, OPTION_MISSING },
	{ "topic", required_argument, NULL, OPTION_TOPIC },
	{ "speed", required_argument, NULL, OPTION_SPEED },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "fast", no_argument, NULL, OPTION_FAST },
	{ "lockstep", no_argument, NULL, OPTION_LOCKSTEP },
	{ "base", required_argument, NULL, OPTION_BASE },
	{ "qos", required_argument, NULL, OPTION_QOS },
	{ "limit", required_argument, NULL, OPTION_LIMIT },
	{ "skip", required_argument, NULL, OPTION_SKIP },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ 0 },
};

static int complain(const char *what, const char *text) {
	fprintf(stderr, "xlstmctl replay: %s%s%s; see xlstmctl replay --help\n", what,
		text ? ": " : "", text ? text : "");
	return VERB_USAGE;
}

static int read_positive(const char *text, double *ret_number) {
	if (num_read(span_text(text), ret_number) < 0 || !(*ret_number > 0))
		return complain("not a positive number", text);
	return -1;
}

static int read_count(const char *text, uint64_t *ret_count) {
	int64_t count;

	if (num_read_int(span_text(text), &count) < 0 || count < 0)
		return complain("not a number of rows", text);
	*ret_count = (uint64_t)count;
	return -1;
}

static int read_qos(const char *text, int *ret_qos) {
	if (strlen(text) != 1 || text[0] < '0' || text[0] > '2')
		return complain("not a quality of service", text);
	*ret_qos = text[0] - '0';
	return -1;
}

/* -1: go on. */
static int take_option(struct replay_options *options, int option, const char *argument) {
	switch (option) {
	case OPTION_TIME: options->columns.time = argument; return -1;
	case OPTION_CHANNELS: options->columns.channels = argument; return -1;
	case OPTION_DETECTOR: options->columns.detector = argument; return -1;
	case OPTION_DETECTOR_COLUMN: options->columns.detector_column = argument; return -1;
	case OPTION_WIDE: options->columns.wide = true; return -1;
	case OPTION_MISSING: options->columns.missing = argument; return -1;
	case OPTION_TOPIC: options->topic = argument; return -1;
	case OPTION_BASE: options->base = argument; return -1;
	case OPTION_SPEED: return read_positive(argument, &options->speed);
	case OPTION_RATE: options->speed = 0; return read_positive(argument, &options->rate);
	case OPTION_FAST: options->speed = 0; return -1;
	case OPTION_LOCKSTEP:
		options->lockstep = true;
		options->speed = 0;
		return -1;
	case OPTION_QOS: return read_qos(argument, &options->qos);
	case OPTION_LIMIT: return read_count(argument, &options->limit);
	case OPTION_SKIP: return read_count(argument, &options->skip);
	case OPTION_JSON: options->json = true; return -1;
	case OPTION_HELP: fputs(usage, stdout); return VERB_OK;
	default: return complain("wrong usage", NULL);
	}
}

/* Names of one detector and rules for several do not go together. */
static int check(const struct replay_options *options) {
	const struct csv_columns_options *columns = &options->columns;
	int ways = (columns->detector != NULL) + (columns->detector_column != NULL) + columns->wide;

	if (options->files_count == 0)
		return complain("no file", NULL);
	if (!columns->time)
		return complain("no --time", NULL);
	if (ways > 1)
		return complain(
			"--detector, --detector-column and --wide exclude each other", NULL);
	return -1;
}

int replay_options_parse(struct replay_options *options, int argc, char **argv) {
	*options = (struct replay_options){
		.columns = { .verb = "replay" },
		.topic = "replay/{detector}",
		.base = "xlstm",
		.speed = 1,
		.qos = 1,
	};
	link_options_init(&options->link);

	optind = 1;
	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (link_option(&options->link, option, optarg))
			continue;
		int status = take_option(options, option, optarg);
		if (status >= 0)
			return status;
	}
	options->files = argv + optind;
	options->files_count = argc - optind;
	return check(options);
}
