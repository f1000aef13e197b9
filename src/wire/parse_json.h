/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_PARSE_JSON_H
#define WIRE_PARSE_JSON_H

#include "arena.h"
#include "span.h"

#include <jansson.h>

/* Any JSON value, without repeated keys; `flags` of jansson's besides. It lies in the arena, goes with it, and is
 * neither changed nor given to json_decref. 0, E_SYNTAX, E_ENCODING, E_NUMBER for a number that fits no double,
 * E_TOO_LARGE nested too deep, -ENOMEM. */
int json_parse(struct arena *arena, struct span text, size_t flags, json_t **ret_json);

#endif
