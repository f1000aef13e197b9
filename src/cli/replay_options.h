/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_REPLAY_OPTIONS_H
#define CLI_REPLAY_OPTIONS_H

#include "csv_columns.h"
#include "link.h"

/* What the user asked a replay for. */
struct replay_options {
	struct link_options link;
	struct csv_columns_options columns;
	char **files;
	int files_count;
	const char *topic; /* with {detector} and {channel} to be filled in */
	const char *base; /* the daemon's base topic, for lockstep */
	double speed; /* file time over real time; 0: as fast as possible */
	double rate; /* rows a second at the most; 0: no limit */
	bool lockstep;
	int qos;
	uint64_t limit; /* rows; 0: all */
	uint64_t skip; /* rows at the start */
	bool json;
};

/* Reads the command line; what is wrong with it is said on standard error. -1: go on; else the exit
 * status, VERB_OK after --help. */
int replay_options_parse(struct replay_options *options, int argc, char **argv);

#endif
