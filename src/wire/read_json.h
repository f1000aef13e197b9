/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_READ_JSON_H
#define WIRE_READ_JSON_H

#include "reader.h"

#include <jansson.h>

/* Any JSON value, without repeated keys; `flags` of jansson's besides. 0, E_SYNTAX, E_ENCODING,
 * E_NUMBER for a number that fits no double, E_TOO_LARGE nested too deep, -ENOMEM. */
int json_parse(struct span text, size_t flags, json_t **ret_json);

/* Whether it is an array whose first record has a value or a base name under SenML's labels. */
bool is_senml(const json_t *json);

/* A SenML pack (RFC 8428). */
int read_senml(struct reader *reader, json_t *pack);

#endif
