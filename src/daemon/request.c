/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "error.h"
#include "forecast.h"
#include "request.h"

#include <errno.h>
#include <inttypes.h>

/* Series that one answer lists at the most. */
#define SERIES_PER_ANSWER 1000

/*
 * Questions over MQTT. A verb appends JSON to `data` and returns 0, or an error and, if there is
 * more to say than its phrase, a detail.
 */
struct question {
	struct app *app;
	const struct wire_request *request;
	struct text *data;
	struct span detail;
};

static int ping(struct question *question) {
	text_add_format(question->data, "{\"time\":%" PRId64 ".%03d}", app_now() / 1000,
		(int)(app_now() % 1000));
	return 0;
}

static int status(struct question *question) {
	app_write_info(question->app, question->data);
	return 0;
}

static int stats(struct question *question) {
	app_write_stats(question->app, false, question->data);
	return 0;
}

static void add_series(struct app *app, uint32_t id, struct text *to) {
	char name[SERIES_NAME_MAX];
	struct series series = registry_series(app->registry, id);
	int64_t newest_ms = detector_newest_ms(series.detector);

	text_add(to, SPAN("{\"series\":"));
	text_add_json_string(to, registry_series_name(app->registry, id, name));
	text_add(to, SPAN(",\"unit\":"));
	text_add_json_string(to, detector_channel_unit(series.detector, series.channel));
	text_add_format(
		to, ",\"step\":%g,\"newest\":", (double)detector_step_ms(series.detector) / 1000);
	if (newest_ms == TIME_NONE)
		text_add(to, SPAN("null"));
	else
		text_add_format(to, "%" PRId64 ".%03d", newest_ms / 1000, (int)(newest_ms % 1000));
	text_add_char(to, '}');
}

/* Series in the order of their ids, from number "from" on; "next" is where to go on. */
static int series(struct question *question) {
	struct app *app = question->app;
	uint32_t last = registry_last_series_id(app->registry), listed = 0;
	double from = 1;

	int r = wire_request_number(question->request, "from", &from);
	if ((r < 0 && r != E_NOT_FOUND) || !(from >= 1 && from <= UINT32_MAX))
		return E_USAGE;

	uint32_t id = (uint32_t)from;
	text_add(question->data, SPAN("{\"series\":["));
	for (; id <= last && listed < SERIES_PER_ANSWER; id++) {
		if (!registry_series(app->registry, id).detector)
			continue;
		if (listed++ > 0)
			text_add_char(question->data, ',');
		add_series(app, id, question->data);
	}
	text_add_char(question->data, ']');
	if (id <= last)
		text_add_format(question->data, ",\"next\":%" PRIu32, id);
	text_add_char(question->data, '}');
	return 0;
}

static int forecast(struct question *question) {
	struct app *app = question->app;

	int r = wire_request_text(question->request, "series", &question->detail);
	if (r < 0)
		return E_USAGE;

	struct series found = registry_find_series(app->registry, question->detail);
	if (!found.detector)
		return E_NOT_FOUND;

	uint32_t id = detector_channel_series(found.detector, found.channel);
	const struct text *latest = &app->roster.series[id].forecast;
	if (latest->length == 0)
		return E_NOT_FOUND;
	text_add(question->data, text_span(latest));
	return 0;
}

/* Commits what waits. */
static int flush(struct question *question) {
	question->app->flush = true;
	return 0;
}

static const struct verb {
	const char *name;
	int (*answer)(struct question *question);
	bool changes; /* needs [daemon] changes = on */
} verbs[] = {
	{"ping",      ping,     false},
	{ "status",   status,   false},
	{ "stats",    stats,    false},
	{ "series",   series,   false},
	{ "forecast", forecast, false},
	{ "flush",    flush,    true },
};

static int ask(struct question *question, struct span name) {
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!span_equal(span_text(verbs[i].name), name))
			continue;
		if (verbs[i].changes && !question->app->config->daemon.changes)
			return E_DISABLED;
		return verbs[i].answer(question);
	}
	question->detail = name;
	return E_NOT_FOUND;
}

/* An answer goes out with our rights, not the asker's: where readings come from and where we speak
 * ourselves it would be taken for what it is not. */
static bool may_answer_on(const struct app *app, struct span topic) {
	struct span instance = text_span(&app->own_topics[0]);

	if (topic.length == 0)
		return false;
	if (!app_is_own(app, topic))
		return sources_match(&app->sources, topic) == SOURCE_NONE;
	return span_starts_with(topic, instance) &&
	       span_starts_with(
		       span_of(topic.data + instance.length, topic.length - instance.length),
		       SPAN("response/"));
}

/* To where the asker wants it, if that may be, else to response/<verb>. */
static void respond(struct app *app, const struct mail *mail, struct span verb, struct span body) {
	struct text *kind = &app->state;
	struct mail response = {
		.kind = MAIL_MESSAGE,
		.qos = 1,
		.topic = mail->response_topic,
		.correlation = mail->correlation,
		.payload = body,
	};

	if (!may_answer_on(app, response.topic)) {
		text_reset(kind);
		text_add(kind, SPAN("response/"));
		text_add(kind, verb);
		text_reset(&app->topic);
		wire_write_instance_topic(&app->topic, span_text(app->config->mqtt.base),
			span_text(app->config->daemon.instance), text_span(kind));
		response.topic = text_span(&app->topic);
	}
	publisher_add(&app->publisher, &response);
}

void app_answer(struct app *app, const struct mail *mail) {
	size_t prefix = app->request_prefix.length;
	struct span verb = { mail->topic.data + prefix, mail->topic.length - prefix };
	struct text body = { 0 }, data = { 0 };
	struct wire_request *request = NULL;

	app->counters.requests++;
	int r = wire_request_read(&request, mail->payload);
	struct question question = { app, request, &data, SPAN_EMPTY };
	if (r == 0)
		r = ask(&question, verb);
	if (r == 0 && text_failed(&data))
		r = -ENOMEM;

	if (r == 0) {
		wire_write_response(&body, request, text_span(&data));
	} else {
		wire_write_error_response(&body, request, r, question.detail);
		refusals_add(&app->refusals, r, 1, app_clock(app), mail->topic);
	}
	if (!text_failed(&body))
		respond(app, mail, verb, text_span(&body));
	wire_request_destroy(request);
	text_finish(&data);
	text_finish(&body);
}
