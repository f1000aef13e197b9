/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_JSON_WHOLE_H
#define XLSTM_JSON_WHOLE_H

#include <jansson.h>
#include <stddef.h>

/* Reads JSON without repeated keys, and loses nothing of it where memory is short. 0; -ENOMEM; -EINVAL, and
 * *ret_error says why. */
int json_read_whole(json_t **ret_json, const char *text, size_t length, json_error_t *ret_error);

#endif
