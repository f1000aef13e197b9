/* SPDX-License-Identifier: Apache-2.0 */
#include "weights.h"
#include "xlstm/error.h"

#include <errno.h>
#include <string.h>

const char *xlstm_note(const struct xlstm_weights *weights, const char *key) {
	return json_string_value(json_object_get(weights->notes, key));
}

int xlstm_note_set(struct xlstm_weights *weights, const char *key, const char *value) {
	if (weights->mapped)
		return XLSTM_E_READ_ONLY;
	if (!strcmp(key, "format") || !strncmp(key, "xlstm_", 6))
		return XLSTM_E_NOTE;
	if (!weights->notes && !(weights->notes = json_object()))
		return -ENOMEM;
	if (!value) {
		json_object_del(weights->notes, key);
		return 0;
	}
	/* Both refuse what is not UTF-8. */
	errno = 0;
	if (json_object_set_new(weights->notes, key, json_string(value)) == 0)
		return 0;
	return errno == ENOMEM ? -ENOMEM : XLSTM_E_NOTE;
}

void xlstm_notes(const struct xlstm_weights *weights, xlstm_note_fn each, void *context) {
	const char *key;
	json_t *value;

	json_object_foreach(weights->notes, key, value) {
		each(context, key, json_string_value(value));
	}
}
