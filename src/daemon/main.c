/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"
#include "arguments.h"
#include "config.h"
#include "error.h"
#include "file.h"
#include "log.h"
#include "secret.h"
#include "setup.h"

#include <malloc.h>
#include <stdio.h>

/* Prints a finished text; on failure says so. Returns an exit status. */
static int print(struct text *text, FILE *file) {
	if (text_failed(text) || fwrite(text->data, 1, text->length, file) != text->length)
		return EXIT_STATUS_FAILED;
	return fflush(file) == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILED;
}

static int print_config(const struct config *config) {
	struct text text = { 0 };

	config_print(config, &text);
	int status = print(&text, stdout);
	text_finish(&text);
	return status;
}

static int read_config(const char *path, struct config **ret_config) {
	struct text problems = { 0 };

	int r = config_load(path, &problems, ret_config);
	if (r < 0 && print(&problems, stderr) != EXIT_STATUS_OK)
		log_error("%s: %s", path, error_text(r));
	text_finish(&problems);
	return r;
}

/* The files that it names, too. */
static int check_config(const struct config *config) {
	struct text problems = { 0 };
	struct group_tables tables;

	int r = group_tables_load(&tables, config, &problems);
	if (r < 0 && print(&problems, stderr) != EXIT_STATUS_OK)
		log_error("groups: %s", error_text(r));
	if (r == 0)
		group_tables_finish(&tables);
	text_finish(&problems);
	return r == 0 ? EXIT_STATUS_OK : r == E_CONFIG ? EXIT_STATUS_CONFIG : EXIT_STATUS_FAILED;
}

static int set_aside(const struct config *config) {
	const char *path = config->store.path;
	struct text name = { 0 };

	int r = store_set_aside(path, app_now(), &name);
	if (r == 0)
		printf("%s is now %.*s\n", path, SPAN_PRINT(text_span(&name)));
	else
		log_error("database %s: not set aside: %s", path, error_text(r));
	text_finish(&name);
	if (r == E_IN_USE)
		return EXIT_STATUS_IN_USE;
	return r == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILED;
}

static int run(const struct arguments *arguments) {
	struct config *config;
	int status = EXIT_STATUS_OK;

	int r = read_config(arguments->config, &config);
	if (r < 0)
		return r == E_CONFIG ? EXIT_STATUS_CONFIG : EXIT_STATUS_FAILED;

	if (arguments->print_config) {
		status = print_config(config);
	} else if (arguments->set_aside) {
		status = set_aside(config);
	} else if (arguments->check_config) {
		status = check_config(config);
	} else {
		int sealed = secret_seal_process();
		if (sealed < 0)
			log_warning("core dumps stay possible: %s", error_text(sealed));
		log_set_level(
			arguments->verbose ? LOG_LEVEL_DEBUG : (enum log_level)config->daemon.log);
		status = app_run(config, arguments->config, arguments->verbose);
	}
	config_destroy(config);
	return status;
}

/* Blocks from this size on are mapped, and go back at once when they are freed. */
#define MAPPED_MIN (1 << 20)

/* Left to itself glibc raises that bound to the largest block that was ever freed: then what a burst has taken stays, in a
 * heap that can't shrink under what came after it. */
static void set_allocator(void) {
	mallopt(M_MMAP_THRESHOLD, MAPPED_MIN);
	mallopt(M_TRIM_THRESHOLD, MAPPED_MIN);
}

int main(int argc, char **argv) {
	struct arguments arguments;

	set_allocator();
	if (file_open_standard() < 0)
		return EXIT_STATUS_FAILED;
	if (arguments_read(&arguments, argc, argv) < 0)
		return EXIT_STATUS_USAGE;
	if (arguments.help) {
		arguments_print_help();
		return EXIT_STATUS_OK;
	}
	if (arguments.version) {
		puts("xlstmd " VERSION);
		return EXIT_STATUS_OK;
	}
	return run(&arguments);
}
