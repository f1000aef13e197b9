/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static struct wire_source_options by_tags(void) {
	return (struct wire_source_options){ .topic = SPAN("telegraf"),
		.format = WIRE_LINE_PROTOCOL };
}

static void measurement_tags_and_fields_are_read(void **state) {
	struct wire_source_options options = by_tags();
	static const struct message messages[] = {
		{ "telegraf", "cpu usage=12.5", 0, "cpu usage 12.5" },
		{ "telegraf", "cpu,host=a usage=12.5,idle=80i 1790000000250000000\n", 0,
			"cpu/a usage 12.5 @1790000000250; cpu/a idle 80 @1790000000250" },
		/* The order of tags does not matter. */
		{ "telegraf", "cpu,host=a,cpu=c0 x=1", 0, "cpu/c0/a x 1" },
		{ "telegraf", "cpu,cpu=c0,host=a x=1", 0, "cpu/c0/a x 1" },
		{ "telegraf", "m a=1i,b=-2i,c=3u,d=1.5e3,e=-.5", 0,
			"m a 1; m b -2; m c 3; m d 1500; m e -0.5" },
		{ "telegraf", "m a=t,b=T,c=true,d=True,e=TRUE,f=f,g=F,h=false,i=False,j=FALSE", 0,
			"m a 1; m b 1; m c 1; m d 1; m e 1; m f 0; m g 0; m h 0; m i 0; m j 0" },
		{ "telegraf", "m a=18446744073709551615u", 0, "m a 1.8446744073709552e+19" },
		{ "telegraf", "m a=-9223372036854775808i", 0, "m a -9.223372036854776e+18" },
		{ "telegraf", "m s=\"text, with = \\\" \\\\ and\nlines\",a=1", 0, "m a 1" },
		{ "telegraf", "m s=\"only text\"", E_EMPTY, NULL },
	};
	(void)state;

	CHECK(options, messages);
}

static void escapes_are_undone(void **state) {
	struct wire_source_options options = by_tags();
	static const struct message messages[] = {
		{ "telegraf", "my\\ m\\,x,ta\\ g=v\\,al\\=ue f\\ i\\,e\\=ld=1", 0,
			"my m,x/v,al=ue f i,e=ld 1" },
		{ "telegraf", "a\\b c\\d=1", 0, "a\\b c\\d 1" },
		{ "telegraf", "größe,ort=köln °C=1", 0, "größe/köln °C 1" },
		{ "telegraf", "m a=1\\", E_SYNTAX, NULL },
		{ "telegraf", "m\\", E_SYNTAX, NULL },
	};
	(void)state;

	CHECK(options, messages);
}

static void every_line_stands_alone(void **state) {
	struct wire_source_options options = by_tags();
	static const struct message messages[] = {
		{ "telegraf", "# comment\n\n  m a=1\r\n\nm a=2 1790000000\n#x", 0,
			"m a 1; m a 2 @1790000000000" },
		{ "telegraf", "m a=1\nbroken\nm a=2", 0, "m a 1; m a 2 !syntax" },
		{ "telegraf", "m a=1,b=x\nm a=2", 0, "m a 2 !syntax" },
		{ "telegraf", "m a=1 5x\nm a=2", 0, "m a 2 !syntax" },
		{ "telegraf", "m a=1 1 1\nm a=2", 0, "m a 2 !syntax" },
		{ "telegraf", "m a=1 -5\nm a=2", 0, "m a 2 !absurd_time" },
		{ "telegraf", "m a=1 99999999999999999999\nm a=2", 0, "m a 2 !absurd_time" },
		{ "telegraf", "m a=1e999,b=2", 0, "m b 2 !not_a_number" },
		{ "telegraf", "m a/b=1,c=2", 0, "m c 2 !bad_name" },
		{ "telegraf", "m,t=# a=1\nm a=2", 0, "m a 2 !bad_name" },
		{ "telegraf", "m a=\"open\nm a=2", E_SYNTAX, NULL },
	};
	(void)state;

	CHECK(options, messages);
}

static void what_is_no_line_is_refused(void **state) {
	struct wire_source_options options = by_tags();
	static const char *const lines[] = { "m", "m ", "m a", "m a=", "m =1", " =1", "m,",
		"m,t a=1", "m,t= a=1", "m,=v a=1", "m a=1,", "m a=nan", "m a=inf", "m a=0x10",
		"m a=1ii", "m a=i", "m a=1.5i", ",t=v a=1", "m,t=v", "m a=\"x", "m a=\r",
		"m a=1 1i" };
	(void)state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct message message = { "telegraf", lines[i], E_SYNTAX, NULL };
		check_messages(&options, &message, 1);
	}
}

static void times_may_have_any_unit(void **state) {
	struct wire_source_options options = by_tags();
	static const struct message messages[] = {
		{ "telegraf", "m a=1 1790000000", 0, "m a 1 @1790000000000" },
		{ "telegraf", "m a=1 1790000000250", 0, "m a 1 @1790000000250" },
		{ "telegraf", "m a=1 1790000000250000", 0, "m a 1 @1790000000250" },
		{ "telegraf", "m a=1 1790000000250999999", 0, "m a 1 @1790000000251" },
	};
	(void)state;

	CHECK(options, messages);
}

static void topic_and_tags_may_name_the_detector(void **state) {
	struct wire_source_options options = { .topic = SPAN("t/{site}"),
		.detector = SPAN("{site}/{host}/{measurement}"),
		.format = WIRE_LINE_PROTOCOL };
	struct wire_source_options listed = {
		.topic = SPAN("t/{detector}"), .channels = SPAN("u = usage"), .format = WIRE_AUTO
	};
	static const struct message messages[] = {
		{ "t/n", "cpu,host=a,x=y usage=1", 0, "n/a/cpu usage 1" },
		{ "t/n", "cpu usage=1", E_NAME, NULL },
	};
	static const struct message by_list[] = {
		{ "t/n", "cpu,host=a usage=1,idle=2", 0, "n u 1" },
		{ "t/n", "cpu,host=a idle=2", E_EMPTY, NULL },
	};
	(void)state;

	CHECK(options, messages);
	CHECK(listed, by_list);
}

static void more_tags_than_anybody_has_are_refused(void **state) {
	struct wire_source_options options = by_tags();
	char line[400] = "m";
	(void)state;

	for (int i = 0; i < 33; i++)
		strcat(line, ",a=b");
	strcat(line, " x=1\nm x=2");
	const struct message message = { "telegraf", line, 0, "m x 2 !too_large" };
	check_messages(&options, &message, 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measurement_tags_and_fields_are_read),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(every_line_stands_alone),
		cmocka_unit_test(what_is_no_line_is_refused),
		cmocka_unit_test(times_may_have_any_unit),
		cmocka_unit_test(topic_and_tags_may_name_the_detector),
		cmocka_unit_test(more_tags_than_anybody_has_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
