/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

/*
 * The verbs of xlstmctl, one file each. A verb gets its own name as argv[0], parses the rest
 * (getopt_long, from a fresh optind), answers --help and --json, and returns the exit status.
 * A new verb needs its line here and its row in main.c.
 */
enum verb_status {
	VERB_OK = 0,
	VERB_FAILED = 1, /* has been said on standard error */
	VERB_USAGE = 2, /* wrong usage, said with a hint at --help */
};

int accuracy_run(int argc, char **argv);
int backtest_run(int argc, char **argv);
int forecast_run(int argc, char **argv);
int learning_run(int argc, char **argv);
int model_run(int argc, char **argv);
int neighbours_run(int argc, char **argv);
int replay_run(int argc, char **argv);
int series_run(int argc, char **argv);
int status_run(int argc, char **argv);
int train_run(int argc, char **argv);
int watch_run(int argc, char **argv);

#endif
