/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of a folder and over mutations of each: the same ones every
 * time, so that a failure can be repeated. A failing input is left in "crash-input". */
#include "file.h"
#include "fuzz.h"
#include "random.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Of each file; targets that take long may have fewer. */
#ifndef MUTATIONS
#define MUTATIONS 2000
#endif
#define INPUT_MAX (1 << 20)

static struct text input;

static void leave_input(int signal_number) {
	file_replace("crash-input", text_span(&input), 0644);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void run_input(void) {
	/* A copy of its own size, so that sanitizers see a step beyond its end. */
	uint8_t *copy = malloc(input.length ? input.length : 1);

	if (!copy)
		abort();
	if (input.length > 0)
		memcpy(copy, input.data, input.length);
	LLVMFuzzerTestOneInput(copy, input.length);
	free(copy);
}

/* Changes, inserts, removes or repeats a few bytes. */
static void mutate(struct random *random, struct span original) {
	text_reset(&input);
	text_add(&input, original);
	for (uint64_t i = random_next(random) % 4 + 1; i > 0; i--) {
		size_t at = input.length ? random_next(random) % input.length : 0;
		size_t count = random_next(random) % 8;

		switch (random_next(random) % 4) {
		case 0:
			if (input.length > 0)
				input.data[at] = (char)random_next(random);
			break;
		case 1:
			if (count > input.length - at)
				count = input.length - at;
			memmove(input.data + at, input.data + at + count,
				input.length - at - count);
			input.length -= count;
			break;
		case 2: text_add_char(&input, (char)random_next(random)); break;
		case 3:
			if (text_reserve(&input, count) && at + count <= input.length)
				text_add(&input, span_of(input.data + at, count));
			break;
		}
	}
}

static int run_file(const char *path) {
	struct text original = { 0 };
	struct random random;

	if (file_read(path, INPUT_MAX, &original) < 0) {
		fprintf(stderr, "cannot read %s\n", path);
		return 1;
	}
	random_init(&random, original.length);
	text_reset(&input);
	text_add(&input, text_span(&original));
	run_input();
	for (int i = 0; i < MUTATIONS; i++) {
		mutate(&random, text_span(&original));
		run_input();
	}
	text_finish(&original);
	return 0;
}

static int run_folder(const char *path) {
	DIR *folder = opendir(path);
	int failed = 0, files = 0;

	if (!folder) {
		fprintf(stderr, "cannot open %s\n", path);
		return 1;
	}
	for (struct dirent *entry; (entry = readdir(folder));) {
		char file[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		failed |= run_file(file);
		files++;
	}
	closedir(folder);
	printf("%s: %d files, %d mutations of each\n", path, files, MUTATIONS);
	return failed || files == 0;
}

int main(int count, char **arguments) {
	int failed = count < 2;

	signal(SIGABRT, leave_input);
	signal(SIGSEGV, leave_input);
	for (int i = 1; i < count; i++)
		failed |= run_folder(arguments[i]);
	text_finish(&input);
	return failed;
}
