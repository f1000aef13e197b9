/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_JSON_TWICE_H
#define XLSTM_JSON_TWICE_H

#include <jansson.h>
#include <stddef.h>

/*
 * Reads JSON. Where jansson lacks memory it may name another error, or lose a byte of a string and go on; errno
 * tells of it, unless a number follows. So everything is read twice, and what differs has lost something.
 * 0; -ENOMEM; -EINVAL, and *ret_error says why.
 */
int json_read_twice(json_t **ret_json, const char *text, size_t length, json_error_t *ret_error);

#endif
