/* SPDX-License-Identifier: Apache-2.0 */
#include "arguments.h"

#include "error.h"

#include <getopt.h>
#include <stdio.h>

enum {
	OPTION_CHECK_CONFIG = 256,
	OPTION_PRINT_CONFIG,
	OPTION_SET_ASIDE,
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check-config", no_argument, NULL, OPTION_CHECK_CONFIG },
	{ "print-config", no_argument, NULL, OPTION_PRINT_CONFIG },
	{ "set-aside", no_argument, NULL, OPTION_SET_ASIDE },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

int arguments_read(struct arguments *arguments, int argc, char **argv) {
	int option;

	*arguments = (struct arguments){ .config = DEFAULT_CONFIG };
	while ((option = getopt_long(argc, argv, "c:vh", long_options, NULL)) != -1) {
		switch (option) {
		case 'c': arguments->config = optarg; break;
		case 'v': arguments->verbose = true; break;
		case 'V': arguments->version = true; break;
		case 'h': arguments->help = true; break;
		case OPTION_CHECK_CONFIG: arguments->check_config = true; break;
		case OPTION_PRINT_CONFIG: arguments->print_config = true; break;
		case OPTION_SET_ASIDE: arguments->set_aside = true; break;
		default: return E_USAGE; /* getopt has said why */
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument \"%s\"\n", argv[0], argv[optind]);
		return E_USAGE;
	}
	return 0;
}

void arguments_print_help(void) {
	fputs("Usage: xlstmd [-c FILE] [-v]\n"
	      "       xlstmd [-c FILE] --check-config | --print-config | --set-aside\n"
	      "       xlstmd --version | --help\n"
	      "\n"
	      "Reads sensors over MQTT, forecasts each of them at every reading, publishes the\n"
	      "forecasts over MQTT and keeps everything in SQLite.\n"
	      "\n"
	      "  -c, --config FILE   read FILE instead of " DEFAULT_CONFIG "\n"
	      "      --check-config  report every mistake in the configuration and exit\n"
	      "      --print-config  print every key with its value and exit\n"
	      "      --set-aside     move a damaged database out of the way, so that the next\n"
	      "                      start makes a fresh one, and exit; nothing is deleted\n"
	      "  -v, --verbose       log what is of interest for finding faults\n"
	      "      --version       print the version and exit\n"
	      "  -h, --help          print this and exit\n"
	      "\n"
	      "See xlstmd(8) and xlstmd.conf(5).\n",
		stdout);
}
