/* SPDX-License-Identifier: Apache-2.0 */
#include "verbs.h"

#include <stdio.h>
#include <string.h>

struct verb {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

/* In the order of `xlstmctl --help`. */
static const struct verb verbs[] = {
	{ "status", "how daemon and database are doing", status_run },
	{ "series", "every series, its last reading and health", series_run },
	{ "forecast", "the latest forecast of a series", forecast_run },
	{ "accuracy", "how good the forecasts have been", accuracy_run },
	{ "neighbours", "whom a detector sees, and what that is good for", neighbours_run },
	{ "learning", "what the network tried to learn, and what came of it", learning_run },
	{ "model", "weights: show, import, export, list, restore", model_run },
	{ "train", "weights from synthetic series and CSV files", train_run },
	{ "backtest", "the daemon's forecasts over a file, scored", backtest_run },
	{ "replay", "publish a file's readings over MQTT", replay_run },
	{ "watch", "live fan chart of the forecasts", watch_run },
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void print_help(FILE *file) {
	fputs("Usage: xlstmctl VERB [OPTION...] [ARGUMENT...]\n\n", file);
	for (size_t i = 0; i < VERBS; i++)
		fprintf(file, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
	fputs("\nxlstmctl VERB --help tells more; so does xlstmctl(1).\n", file);
}

static const struct verb *find_verb(const char *name) {
	for (size_t i = 0; i < VERBS; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

/* What is printed must have arrived: a full disk behind `> file` is a failure. */
static int finish(int status) {
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("xlstmctl: standard output");
	return VERB_FAILED;
}

int main(int argc, char **argv) {
	if (argc < 2) {
		print_help(stderr);
		return VERB_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return finish(VERB_OK);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("xlstmctl %s\n", VERSION);
		return finish(VERB_OK);
	}

	const struct verb *verb = find_verb(argv[1]);
	if (!verb) {
		fprintf(stderr, "xlstmctl: no verb \"%s\"; see xlstmctl --help\n", argv[1]);
		return VERB_USAGE;
	}
	return finish(verb->run(argc - 1, argv + 1));
}
