/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void none_is_no_network(void **state) {
	struct xlstm_model *model = (struct xlstm_model *)1;
	struct text name = { 0 };

	(void)state;
	assert_int_equal(network_open("none", &model, &name), 0);
	assert_null(model);
	assert_true(span_equal(text_span(&name), SPAN("none")));
	text_finish(&name);
}

static void a_file_gives_a_network_that_bears_its_name(void **state) {
	struct xlstm_model *model = NULL;
	struct text name = { 0 };

	(void)state;
	assert_int_equal(network_open(MODELS "/base-2.safetensors", &model, &name), 0);
	assert_non_null(model);
	assert_true(span_equal(text_span(&name), SPAN("base-2")));
	xlstm_model_unref(model);
	text_finish(&name);
}

static void a_file_that_is_none_is_a_mistake_in_the_configuration(void **state) {
	struct xlstm_model *model = NULL;
	struct text name = { 0 };

	(void)state;
	assert_int_equal(network_open("/nonexistent/file", &model, &name), E_CONFIG);
	assert_int_equal(network_open("/dev/null", &model, &name), E_CONFIG);
	assert_null(model);
	text_finish(&name);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_is_no_network),
		cmocka_unit_test(a_file_gives_a_network_that_bears_its_name),
		cmocka_unit_test(a_file_that_is_none_is_a_mistake_in_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
