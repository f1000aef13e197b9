/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct mail message = {
	.kind = MAIL_MESSAGE,
	.topic = { "xlstm/forecast/pump7/pressure", 29 },
	.payload = { "{}", 2 },
};

static void messages_come_out_in_order(void **state) {
	static const char *const payloads[] = { "one", "two", "three" };
	struct outbox outbox;
	struct mail mail = message;

	(void)state;
	outbox_init(&outbox, 4096);
	for (size_t i = 0; i < 3; i++) {
		mail.payload = span_text(payloads[i]);
		assert_int_equal(outbox_add(&outbox, &mail), 0);
	}
	assert_int_equal(outbox.count, 3);

	struct span rest = outbox_mail(&outbox);
	for (size_t i = 0; i < 3; i++) {
		assert_true(mail_unpack(&rest, &mail));
		assert_true(span_equal(mail.payload, span_text(payloads[i])));
	}
	assert_false(mail_unpack(&rest, &mail));
	outbox_finish(&outbox);
}

static void a_full_outbox_refuses_and_counts(void **state) {
	struct outbox outbox;

	(void)state;
	outbox_init(&outbox, 2 * mail_packed_size(&message));
	assert_int_equal(outbox_add(&outbox, &message), 0);
	assert_int_equal(outbox_add(&outbox, &message), 0);
	assert_int_equal(outbox_add(&outbox, &message), E_OVERFLOW);
	assert_int_equal(outbox.shed, 1);
	assert_int_equal(outbox.count, 2);

	outbox_reset(&outbox);
	assert_int_equal(outbox_mail(&outbox).length, 0);
	assert_int_equal(outbox_add(&outbox, &message), 0);
	assert_int_equal(outbox.shed, 1);
	outbox_finish(&outbox);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_out_in_order),
		cmocka_unit_test(a_full_outbox_refuses_and_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
