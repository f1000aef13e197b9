/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include "error.h"
#include "num.h"
#include "parse_json.h"

#include <errno.h>
#include <stdlib.h>

struct wire_request {
	struct arena arena;
	json_t *arguments; /* an object in the arena */
};

int wire_request_read(struct wire_request **ret_request, struct span payload) {
	bool empty = span_trim(payload).length == 0;

	if (payload.length > WIRE_REQUEST_MAX)
		return E_TOO_LARGE;
	struct wire_request *request = calloc(1, sizeof(*request));
	if (!request)
		return -ENOMEM;

	int r = json_parse(&request->arena, empty ? SPAN("{}") : payload, 0, &request->arguments);
	if (r == 0 && !json_is_object(request->arguments))
		r = E_SYNTAX;
	if (r < 0) {
		wire_request_destroy(request);
		return r;
	}
	*ret_request = request;
	return 0;
}

void wire_request_destroy(struct wire_request *request) {
	if (!request)
		return;
	arena_finish(&request->arena);
	free(request);
}

int wire_request_text(const struct wire_request *request, const char *name, struct span *ret_text) {
	const json_t *argument = json_object_get(request->arguments, name);

	if (!argument)
		return E_NOT_FOUND;
	if (!json_is_string(argument))
		return E_USAGE;
	*ret_text = span_of(json_string_value(argument), json_string_length(argument));
	return 0;
}

int wire_request_number(const struct wire_request *request, const char *name, double *ret_number) {
	const json_t *argument = json_object_get(request->arguments, name);

	if (!argument)
		return E_NOT_FOUND;
	if (json_is_number(argument)) {
		*ret_number = json_number_value(argument);
		return 0;
	}

	struct span text = span_of(json_string_value(argument), json_string_length(argument));
	return json_is_string(argument) && num_read(text, ret_number) == 0 ? 0 : E_USAGE;
}

int wire_request_bool(const struct wire_request *request, const char *name, bool *ret_value) {
	const json_t *argument = json_object_get(request->arguments, name);

	if (!argument)
		return E_NOT_FOUND;
	if (!json_is_boolean(argument))
		return E_USAGE;
	*ret_value = json_is_true(argument);
	return 0;
}

static int dump(const char *buffer, size_t size, void *data) {
	text_add(data, span_of(buffer, size));
	return 0;
}

static void end_response(struct text *to, const struct wire_request *request) {
	const json_t *transaction =
		request ? json_object_get(request->arguments, "transaction") : NULL;

	if (transaction) {
		text_add(to, SPAN(",\"transaction\":"));
		if (json_dump_callback(transaction, dump, to, JSON_ENCODE_ANY | JSON_COMPACT) < 0)
			to->failed = true;
	}
	text_add_char(to, '}');
}

void wire_write_response(struct text *to, const struct wire_request *request, struct span data) {
	text_add(to, SPAN("{\"status\":\"ok\",\"data\":"));
	text_add(to, data.length > 0 ? data : SPAN("{}"));
	end_response(to, request);
}

void wire_write_error_response(
	struct text *to, const struct wire_request *request, int error, struct span detail) {
	struct text message = { 0 };

	text_add(&message, span_text(error_text(error)));
	if (detail.length > 0) {
		text_add(&message, SPAN(": "));
		text_add(&message, detail);
	}

	text_add(to, SPAN("{\"status\":\"error\",\"error\":"));
	text_add_json_string(to, span_text(error_name(error)));
	text_add(to, SPAN(",\"message\":"));
	text_add_json_string(to, text_span(&message));
	to->failed |= text_failed(&message);
	text_finish(&message);
	end_response(to, request);
}
