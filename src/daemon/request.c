/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "error.h"
#include "forecast.h"
#include "query.h"
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

/* Learning pauses, or goes on. */
static int pause_learning(struct question *question) {
	bool paused;

	if (wire_request_bool(question->request, "paused", &paused) < 0)
		return E_USAGE;
	app_pause_learning(question->app, paused);
	return 0;
}

/* The detector that a request names; NULL and 0 if it names none. */
static int find_named(struct question *question, struct detector **ret_detector) {
	*ret_detector = NULL;
	int r = wire_request_text(question->request, "detector", &question->detail);
	if (r == E_NOT_FOUND)
		return 0;
	if (r < 0)
		return E_USAGE;
	*ret_detector = registry_find_detector(question->app->registry, question->detail);
	return *ret_detector ? 0 : E_NOT_FOUND;
}

/* Nothing is learned from a detector as long as it is flagged. */
static int flag(struct question *question) {
	struct detector *detector;
	bool flagged;

	int r = find_named(question, &detector);
	if (r < 0)
		return r;
	if (!detector || !question->app->engine ||
		wire_request_bool(question->request, "flagged", &flagged) < 0)
		return E_USAGE;
	return app_flag(question->app, detector, flagged);
}

/* The versions of weights that the database keeps, oldest first. */
static int models(struct question *question) {
	const struct versions *versions = &question->app->training.versions;

	text_add(question->data, SPAN("{\"in_use\":"));
	text_add_json_string(question->data, text_span(&question->app->model));
	text_add(question->data, SPAN(",\"models\":["));
	for (size_t i = 0; i < versions->count; i++) {
		const struct version *version = &versions->items[i];

		text_add(question->data, i > 0 ? SPAN(",{\"name\":") : SPAN("{\"name\":"));
		text_add_json_string(question->data, text_span(&version->name));
		text_add(question->data, SPAN(",\"parent\":"));
		text_add_json_string(question->data, text_span(&version->parent));
		text_add(question->data, SPAN(",\"created\":"));
		wire_write_seconds(question->data, version->created_ms);
		text_add_char(question->data, '}');
	}
	text_add(question->data, SPAN("]}"));
	return 0;
}

/* A version's weights, as they were committed. The write lane has the store; this reads beside it. */
static int read_version(const struct app *app, struct span name, struct text *bytes) {
	struct query *query;
	struct rows *rows;

	int r = query_open(&query, app->config->store.path);
	if (r < 0)
		return r;
	r = query_rows(query, "SELECT weights FROM model WHERE name=?1", &name, 1, &rows);
	if (r == 0) {
		r = rows_next(rows);
		if (r == 1)
			text_add(bytes, rows_text(rows, 0));
		rows_close(rows);
		r = r == 1 ? 0 : r == 0 ? E_NOT_FOUND : r;
	}
	query_close(query);
	return r == 0 && text_failed(bytes) ? -ENOMEM : r;
}

/* Goes back to a version, or to what was shipped: of the shared weights, or of the detector's that the
 * request or the version's name means. */
static int restore_model(struct question *question) {
	struct app *app = question->app;
	struct text bytes = { 0 };
	struct detector *detector;
	struct span name;

	int r = find_named(question, &detector);
	if (r < 0)
		return r;
	if (wire_request_text(question->request, "name", &name) < 0 || !app->training.shipped)
		return E_USAGE;

	question->detail = name;
	if (!detector && version_detector(name).length > 0)
		detector = registry_find_detector(app->registry, version_detector(name));
	if (!span_equal(name, text_span(&app->training.base)))
		r = read_version(app, name, &bytes);
	if (r == 0)
		r = app_restore_weights(app, detector, name, text_span(&bytes));
	text_finish(&bytes);
	return r;
}

static const struct verb {
	const char *name;
	int (*answer)(struct question *question);
	bool changes; /* needs [daemon] changes = on */
} verbs[] = {
	{ "ping", ping, false },
	{ "status", status, false },
	{ "stats", stats, false },
	{ "series", series, false },
	{ "forecast", forecast, false },
	{ "models", models, false },
	{ "flush", flush, true },
	{ "pause_learning", pause_learning, true },
	{ "flag", flag, true },
	{ "restore_model", restore_model, true },
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
