/* SPDX-License-Identifier: Apache-2.0 */
#include "mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct mail full = {
	.kind = MAIL_MESSAGE,
	.code = -7,
	.time_ms = INT64_C(1790000000123),
	.expiry_s = 3600,
	.qos = 1,
	.retained = true,
	.session = true,
	.topic = { "plant/pump7", 11 },
	.payload = { "4\0.2", 4 },
	.response_topic = { "answer/here", 11 },
	.correlation = { "id\0", 3 },
};

static void assert_span(struct span got, struct span expected) {
	assert_int_equal(got.length, expected.length);
	if (expected.length > 0)
		assert_memory_equal(got.data, expected.data, expected.length);
}

static void assert_mail(const struct mail *got, const struct mail *expected) {
	assert_int_equal(got->kind, expected->kind);
	assert_int_equal(got->code, expected->code);
	assert_int_equal(got->time_ms, expected->time_ms);
	assert_int_equal(got->expiry_s, expected->expiry_s);
	assert_int_equal(got->qos, expected->qos);
	assert_int_equal(got->retained, expected->retained);
	assert_int_equal(got->session, expected->session);
	assert_span(got->topic, expected->topic);
	assert_span(got->payload, expected->payload);
	assert_span(got->response_topic, expected->response_topic);
	assert_span(got->correlation, expected->correlation);
}

static void mail_comes_out_as_it_went_in(void **state) {
	const struct mail empty = { .kind = MAIL_LOST };
	_Alignas(8) char bytes[512];
	size_t first = mail_packed_size(&full), second = mail_packed_size(&empty);
	struct mail mail;

	(void)state;
	assert_int_equal(first % 8, 0);
	assert_int_equal(second % 8, 0);
	mail_pack(bytes, &full);
	mail_pack(bytes + first, &empty);

	struct span rest = span_of(bytes, first + second);
	assert_true(mail_unpack(&rest, &mail));
	assert_mail(&mail, &full);
	assert_true(mail_unpack(&rest, &mail));
	assert_mail(&mail, &empty);
	assert_int_equal(rest.length, 0);
	assert_false(mail_unpack(&rest, &mail));
}

static void cut_mail_is_not_read(void **state) {
	_Alignas(8) char bytes[512];
	size_t size = mail_packed_size(&full);
	struct mail mail;

	(void)state;
	mail_pack(bytes, &full);
	for (size_t length = 0; length < size; length++) {
		struct span rest = span_of(bytes, length);
		assert_false(mail_unpack(&rest, &mail));
		assert_int_equal(rest.length, length);
	}
}

static void mail_with_a_wrong_size_is_not_read(void **state) {
	_Alignas(8) char bytes[512];
	struct mail mail;

	(void)state;
	for (int wrong = -8; wrong <= 8; wrong += 16) {
		mail_pack(bytes, &full);
		bytes[0] = (char)(bytes[0] + wrong);
		struct span rest = span_of(bytes, sizeof(bytes));
		assert_false(mail_unpack(&rest, &mail));
	}
}

static void a_seal_holds_for_its_position_and_every_byte(void **state) {
	_Alignas(8) char bytes[512];
	size_t size = mail_packed_size(&full);
	const uint64_t position = (UINT64_C(1) << 62) + 64;

	(void)state;
	mail_pack(bytes, &full);
	assert_int_equal(mail_sealed_size(span_of(bytes, sizeof(bytes)), position), 0);
	mail_seal(bytes, position);
	assert_int_equal(mail_sealed_size(span_of(bytes, sizeof(bytes)), position), size);
	assert_int_equal(mail_sealed_size(span_of(bytes, size), position), size);
	assert_int_equal(mail_sealed_size(span_of(bytes, size - 1), position), 0);
	assert_int_equal(mail_sealed_size(span_of(bytes, 8), position), 0);
	assert_int_equal(mail_sealed_size(span_of(bytes, sizeof(bytes)), position + 8), 0);
	for (size_t at = 0; at < size; at++) {
		bytes[at] ^= 4;
		assert_int_equal(mail_sealed_size(span_of(bytes, sizeof(bytes)), position), 0);
		bytes[at] ^= 4;
	}

	struct span rest = span_of(bytes, size);
	struct mail mail;
	assert_true(mail_unpack(&rest, &mail));
	assert_mail(&mail, &full);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_comes_out_as_it_went_in),
		cmocka_unit_test(cut_mail_is_not_read),
		cmocka_unit_test(mail_with_a_wrong_size_is_not_read),
		cmocka_unit_test(a_seal_holds_for_its_position_and_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
