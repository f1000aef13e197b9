/* SPDX-License-Identifier: Apache-2.0 */
#include "xlstm/error.h"

#include <stddef.h>
#include <string.h>

static const struct {
	int code;
	const char *name, *text;
} errors[] = {
#define ROW(code, value, name, text) { value, name, text },
	XLSTM_ERRORS(ROW)
#undef ROW
};

const char *xlstm_error_name(int code) {
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].code == code)
			return errors[i].name;
	return code < 0 ? "system" : "ok";
}

const char *xlstm_error_text(int code) {
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].code == code)
			return errors[i].text;
	return code < 0 ? strerror(-code) : "no error";
}
