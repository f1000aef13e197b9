/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_REQUEST_H
#define WIRE_REQUEST_H

#include "span.h"
#include "text.h"

#include <stdbool.h>

/*
 * Requests over MQTT: <base>/<instance>/request/<verb> with an empty payload or a JSON object
 * whose fields are the arguments; its "transaction", whatever JSON it is, comes back in the
 * response:
 *   {"status":"ok","data":{...},"transaction":7}
 *   {"status":"error","error":"not_found","message":"no such thing: pump9","transaction":7}
 */
struct wire_request;

/* Larger requests are refused. */
#define WIRE_REQUEST_MAX 65536

/* 0, E_TOO_LARGE, E_ENCODING, E_SYNTAX, E_NUMBER or -ENOMEM. */
int wire_request_read(struct wire_request **ret_request, struct span payload);
void wire_request_destroy(struct wire_request *request);

/* Arguments by name; spans live as long as the request. 0, E_NOT_FOUND if the argument is missing,
 * or E_USAGE if it is of another kind. Numbers may be quoted. */
int wire_request_text(const struct wire_request *request, const char *name, struct span *ret_text);
int wire_request_number(const struct wire_request *request, const char *name, double *ret_number);
int wire_request_bool(const struct wire_request *request, const char *name, bool *ret_value);

/* Responses; `request` may be NULL where it could not be read. `data` is JSON; empty means {}. */
void wire_write_response(struct text *to, const struct wire_request *request, struct span data);

/* `detail` is added to the error's phrase if it is not empty. */
void wire_write_error_response(
	struct text *to, const struct wire_request *request, int error, struct span detail);

#endif
