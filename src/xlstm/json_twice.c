/* SPDX-License-Identifier: Apache-2.0 */
#include "json_twice.h"

#include <errno.h>
#include <stdbool.h>

int json_read_twice(json_t **ret_json, const char *text, size_t length, json_error_t *ret_error) {
	errno = 0;
	json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, ret_error);
	json_t *again = json_loadb(text, length, JSON_REJECT_DUPLICATES, ret_error);
	bool differ = json || again ? !json_equal(json, again) : false;

	json_decref(again);
	if (json && errno != ENOMEM && !differ) {
		*ret_json = json;
		return 0;
	}
	json_decref(json);
	return errno == ENOMEM || differ ? -ENOMEM : -EINVAL;
}
