/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include <stdio.h>
#include <string.h>

/*
 * Prints what is made from the table of keys: the shipped file, the tables of docs/config.md or the
 * list in xlstmd.conf(5). The test `documents` compares; after a change of the table
 * tests/daemon/documents.sh --update writes them anew.
 */
int main(int argc, char **argv) {
	static const struct {
		const char *name;
		void (*write)(struct text *out);
	} documents[] = {
		{ "file", keys_write_file },
		{ "page", keys_write_page },
		{ "manual", keys_write_manual },
	};
	struct text text = { 0 };

	for (size_t i = 0; argc == 2 && i < sizeof(documents) / sizeof(documents[0]); i++) {
		if (strcmp(argv[1], documents[i].name) != 0)
			continue;
		documents[i].write(&text);
		if (text_failed(&text) || fwrite(text.data, 1, text.length, stdout) != text.length)
			return 1;
		text_finish(&text);
		return 0;
	}
	fprintf(stderr, "Usage: %s file|page|manual\n", argv[0]);
	return 2;
}
