/* SPDX-License-Identifier: Apache-2.0 */
/* Any request: its response is JSON with the transaction that was asked with, and is itself a
 * request. */
#include "error.h"
#include "fuzz.h"
#include "request.h"

#include <jansson.h>

static void check_response(struct span payload, const struct text *response, const char *status) {
	json_t *asked = json_loadb(payload.data, payload.length, 0, NULL);
	json_t *json = json_loadb(response->data, response->length, JSON_REJECT_DUPLICATES, NULL);

	FUZZ_ASSERT(!text_failed(response));
	FUZZ_ASSERT(json_is_object(json));
	FUZZ_ASSERT(json_equal(json_object_get(json, "status"), json_object_get(json, "status")));
	FUZZ_ASSERT(span_equal(
		span_text(json_string_value(json_object_get(json, "status"))), span_text(status)));
	json_t *transaction = json_object_get(asked, "transaction");
	FUZZ_ASSERT(!transaction == !json_object_get(json, "transaction"));
	FUZZ_ASSERT(!transaction || json_equal(transaction, json_object_get(json, "transaction")));
	json_decref(asked);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span payload = span_of(data, size);
	struct wire_request *request, *again;
	struct text response = { 0 };
	struct span series;
	double number;
	bool flag;

	if (wire_request_read(&request, payload) < 0)
		return 0;
	wire_request_text(request, "series", &series);
	wire_request_number(request, "from", &number);
	wire_request_bool(request, "all", &flag);
	wire_write_response(&response, request, SPAN_EMPTY);
	check_response(payload, &response, "ok");
	FUZZ_ASSERT(wire_request_read(&again, text_span(&response)) == 0 ||
		    response.length > WIRE_REQUEST_MAX);
	if (response.length <= WIRE_REQUEST_MAX)
		wire_request_destroy(again);

	text_reset(&response);
	wire_write_error_response(&response, request, E_NOT_FOUND, payload);
	check_response(payload, &response, "error");
	text_finish(&response);
	wire_request_destroy(request);
	return 0;
}
