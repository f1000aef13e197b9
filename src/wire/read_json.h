/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_READ_JSON_H
#define WIRE_READ_JSON_H

#include "reader.h"

#include <jansson.h>

/* Whether it is an array whose first record has a value or a base name under SenML's labels. */
bool is_senml(const json_t *json);

/* A SenML pack (RFC 8428). */
int read_senml(struct reader *reader, json_t *pack);

#endif
