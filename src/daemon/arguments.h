/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_ARGUMENTS_H
#define DAEMON_ARGUMENTS_H

#include <stdbool.h>

/* Where the configuration is looked for unless -c names another place. */
#ifndef DEFAULT_CONFIG
#define DEFAULT_CONFIG "/etc/xlstmd/xlstmd.conf"
#endif

/* The command line. */
struct arguments {
	const char *config;
	bool check_config;
	bool print_config;
	bool set_aside;
	bool verbose;
	bool version;
	bool help;
};

/* 0, or E_USAGE after a line on standard error. */
int arguments_read(struct arguments *arguments, int argc, char **argv);

void arguments_print_help(void);

#endif
