/* SPDX-License-Identifier: Apache-2.0 */
#include "accuracy.h"
#include "app.h"

#include "crc32c.h"
#include "error.h"
#include "forecast.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* The fields of `stats` are documented in docs/mqtt.md. */

/* {"name":1,...} from pairs. */
struct field {
	const char *name;
	uint64_t value;
};

static void add_fields(struct text *to, const struct field *fields, size_t count) {
	for (size_t i = 0; i < count; i++)
		text_add_format(
			to, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", fields[i].name, fields[i].value);
}

#define ADD_FIELDS(to, ...)                                                                        \
	do {                                                                                       \
		const struct field fields_[] = { __VA_ARGS__ };                                    \
		add_fields(to, fields_, sizeof(fields_) / sizeof(fields_[0]));                     \
	} while (0)

/* Bytes of memory that the process has in use; 0 where /proc does not tell. */
static uint64_t resident_bytes(void) {
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Accepted readings that step in no tick: detector.h. */
static uint64_t unused_readings(const struct app *app) {
	uint32_t last = registry_last_detector_id(app->registry);
	uint64_t unused = 0;

	for (uint32_t id = 1; id <= last; id++) {
		const struct detector *detector = registry_detector(app->registry, id);

		unused += detector ? detector_unused(detector) : 0;
	}
	return unused;
}

static void add_counters(const struct app *app, struct text *to) {
	const struct app_counters *counters = &app->counters;

	ADD_FIELDS(to, { "messages", counters->messages }, { "bytes", counters->bytes },
		{ "readings", counters->readings }, { "ticks", counters->ticks },
		{ "batches", counters->batches }, { "forecasts", counters->forecasts },
		{ "forecasts_shed", counters->forecasts_shed },
		{ "anomalies", counters->anomalies }, { "stale", counters->stale },
		{ "requests", counters->requests }, { "own", counters->own },
		{ "unused", unused_readings(app) },
		{ "restarted", app->engine ? engine_restarts(app->engine) : 0 },
		{ "without_forecast", counters->without_forecast },
		{ "detectors", registry_detector_count(app->registry) },
		{ "series", registry_series_count(app->registry) },
		{ "waiting", registry_waiting(app->registry) });
}

static void add_refusals(const struct app *app, struct text *to) {
	text_add(to, SPAN(",\"refused\":"));
	refusals_write(&app->refusals, to);
}

static void add_inbox(const struct app *app, struct text *to) {
	struct inbox_counters inbox = inbox_counters(app->inbox);

	text_add(to, SPAN(",\"inbox\":{"));
	ADD_FIELDS(to, { "pending_bytes", inbox.pending_bytes }, { "waits", inbox.waits },
		{ "shed", inbox.shed }, { "recovered", inbox.recovered },
		{ "unsynced", inbox.unsynced }, { "unkept", app->counters.unkept });
	text_add_char(to, '}');
}

static void add_broker(struct app *app, struct text *to) {
	struct mqtt_counters mqtt = publisher_counters(&app->publisher);

	text_add_format(to, ",\"mqtt\":{\"connected\":%s,", mqtt.connected ? "true" : "false");
	ADD_FIELDS(to, { "connections", mqtt.connections }, { "refused", mqtt.refused },
		{ "lost", mqtt.lost }, { "sent", mqtt.sent }, { "sent_bytes", mqtt.sent_bytes },
		{ "send_failures", mqtt.send_failures }, { "unsent", app->publisher.unsent });
	text_add_char(to, '}');
}

static void add_store(const struct app *app, int64_t now_ms, struct text *to) {
	const struct writer *writer = &app->writer;
	const struct store_stats *stats = &writer->stats;

	text_add_format(to, ",\"store\":{\"status\":\"%s\",\"commit_age\":",
		writer->failure < 0 ? error_name(writer->failure) : "ok");
	text_add_json_number(to,
		writer->commit_ms == TIME_NONE ? NAN : (double)(now_ms - writer->commit_ms) / 1000);
	text_add_char(to, ',');
	ADD_FIELDS(to, { "commits", stats->commits }, { "failures", stats->failures },
		{ "readings", stats->readings }, { "forecasts", stats->forecasts },
		{ "states", app->counters.states }, { "pruned", stats->pruned },
		{ "unstored", writer->unstored }, { "database_bytes", stats->database_bytes },
		{ "wal_bytes", stats->wal_bytes },
		{ "checkpoint_failures", stats->checkpoint_failures });
	text_add_char(to, '}');
}

/* Seconds from a reading's arrival to its forecast on the way out, since the last statistics. */
static void add_lag(const struct app *app, struct text *to) {
	const struct app_lag *lag = &app->lag;

	text_add_format(to, ",\"lag\":{\"forecasts\":%" PRIu64 ",\"mean\":", lag->count);
	text_add_json_number(
		to, lag->count > 0 ? (double)lag->sum_ms / (double)lag->count / 1000 : NAN);
	text_add(to, SPAN(",\"max\":"));
	text_add_json_number(to, lag->count > 0 ? (double)lag->max_ms / 1000 : NAN);
	text_add_char(to, '}');
}

/* Shares of the time since the last statistics that each lane has worked. */
static void add_lanes(const struct app *app, struct text *to) {
	const struct {
		const char *name;
		uint64_t busy_ns, before_ns;
	} lanes[] = {
		{ "step", app->step_busy_ns, app->stats_before.step_ns },
		{ "write", app->writer.busy_ns, app->stats_before.write_ns },
		{ "publish", app->publisher.busy_ns, app->stats_before.publish_ns },
		{ "train", app->training.busy_ns, app->stats_before.train_ns },
	};
	double interval = (double)(uv_hrtime() - app->stats_before.ns);

	text_add(to, SPAN(",\"lanes\":{"));
	for (size_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++) {
		text_add_format(to, "%s\"%s\":", i > 0 ? "," : "", lanes[i].name);
		text_add_json_number(
			to, (double)(lanes[i].busy_ns - lanes[i].before_ns) / interval);
	}
	text_add_char(to, '}');
}

static void add_learning(const struct app *app, struct text *to) {
	const struct training *training = &app->training;

	text_add_format(to, ",\"learning\":{\"paused\":%s,",
		app->engine && engine_is_paused(app->engine) ? "true" : "false");
	ADD_FIELDS(to, { "attempts", training->adopted + training->refused },
		{ "adopted", training->adopted }, { "refused", training->refused },
		{ "undone", training->undone }, { "without_own", training->without_own },
		{ "lessons", app->engine ? engine_lessons(app->engine) : 0 });
	text_add_char(to, '}');
}

static void add_memory(const struct app *app, struct text *to) {
	uint64_t states = app->engine ? engine_memory(app->engine) : 0;
	uint32_t series = registry_series_count(app->registry);

	text_add(to, SPAN(",\"memory\":{"));
	ADD_FIELDS(to, { "resident", resident_bytes() }, { "states", states },
		{ "series", series > 0 ? states / series : 0 });
	text_add_char(to, '}');
}

static void add_accuracy(const struct app *app, struct text *to) {
	text_add(to, SPAN(",\"accuracy\":"));
	accuracy_write(&app->roster, to);
}

static void begin_interval(struct app *app) {
	app->lag = (struct app_lag){ 0 };
	app->stats_before = (struct stats_before){
		.ns = uv_hrtime(),
		.step_ns = app->step_busy_ns,
		.write_ns = app->writer.busy_ns,
		.publish_ns = app->publisher.busy_ns,
		.train_ns = app->training.busy_ns,
	};
}

void app_write_stats(struct app *app, bool next, struct text *to) {
	int64_t now_ms = app_now();

	text_add(to, SPAN("{\"time\":"));
	wire_write_seconds(to, now_ms);
	text_add(to, SPAN(",\"uptime\":"));
	text_add_json_number(to, (double)((now_ms - app->started_ms) / 1000));
	text_add_char(to, ',');
	add_counters(app, to);
	add_refusals(app, to);
	add_lag(app, to);
	add_inbox(app, to);
	add_broker(app, to);
	add_store(app, now_ms, to);
	text_add(to, SPAN(",\"troubles\":"));
	troubles_write(&app->troubles, to);
	add_learning(app, to);
	add_lanes(app, to);
	add_memory(app, to);
	add_accuracy(app, to);
	text_add_char(to, '}');
	if (next)
		begin_interval(app);
}

static void publish(struct app *app, struct span kind, bool retained) {
	text_reset(&app->topic);
	wire_write_instance_topic(&app->topic, span_text(app->config->mqtt.base),
		span_text(app->config->daemon.instance), kind);
	if (text_failed(&app->topic) || text_failed(&app->json))
		return;

	struct mail mail = {
		.kind = MAIL_MESSAGE,
		.retained = retained,
		.topic = text_span(&app->topic),
		.payload = text_span(&app->json),
	};
	publisher_add(&app->publisher, &mail);
}

void app_publish_stats(struct app *app) {
	text_reset(&app->json);
	app_write_stats(app, true, &app->json);
	publish(app, SPAN("stats"), false);
	if (!text_failed(&app->json))
		journal_meta(writer_journal(&app->writer), SPAN("stats"), text_span(&app->json));
}

/* Eight digits that change with the configuration. */
static uint32_t config_digest(const struct app *app) {
	struct text printed = { 0 };

	config_print(app->config, &printed);
	uint32_t digest = crc32c(0, printed.data, printed.length);
	text_finish(&printed);
	return digest;
}

void app_write_info(struct app *app, struct text *to) {
	text_add(to, SPAN("{\"version\":\"" VERSION "\",\"instance\":"));
	text_add_json_string(to, span_text(app->config->daemon.instance));
	text_add(to, SPAN(",\"started\":"));
	wire_write_seconds(to, app->started_ms);
	text_add(to, SPAN(",\"model\":"));
	text_add_json_string(to, text_span(&app->model));
	text_add_format(to, ",\"config\":\"%08" PRIx32 "\",\"sources\":[", config_digest(app));
	for (uint32_t i = 0; i < app->sources.count && app->sources.items[i].wire; i++) {
		if (i > 0)
			text_add_char(to, ',');
		text_add_json_string(to, span_text(app->sources.items[i].config->heading.name));
	}
	text_add_format(to, "],\"detectors\":%" PRIu32 ",\"series\":%" PRIu32 "}",
		registry_detector_count(app->registry), registry_series_count(app->registry));
}

void app_publish_info(struct app *app) {
	text_reset(&app->json);
	app_write_info(app, &app->json);
	publish(app, SPAN("info"), true);
}
