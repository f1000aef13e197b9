/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include <stdio.h>
#include <string.h>

struct error_row {
	int code;
	const char *name;
	const char *text;
};

#define ERROR_ROW(code, value, name, text) { code, name, text },
static const struct error_row rows[] = { ERRORS(ERROR_ROW) };
#undef ERROR_ROW

int error_count(void) {
	return (int)(sizeof(rows) / sizeof(rows[0]));
}

int error_at(int index) {
	return rows[index].code;
}

int error_index(int code) {
	for (int i = 0; i < error_count(); i++) {
		if (rows[i].code == code)
			return i;
	}
	return -1;
}

const char *error_name(int code) {
	static _Thread_local char buffer[32];
	int index = error_index(code);

	if (index >= 0)
		return rows[index].name;
	snprintf(buffer, sizeof(buffer), "errno_%d", -code);
	return buffer;
}

const char *error_text(int code) {
	int index = error_index(code);

	return index >= 0 ? rows[index].text : strerror(-code);
}
