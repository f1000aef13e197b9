/* SPDX-License-Identifier: Apache-2.0 */
#include "setup.h"

#include "error.h"
#include "forecast.h"
#include "log.h"
#include "mqtt.h"
#include "network.h"
#include "random.h"
#include "secret.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of one journal: some thirty thousand readings with a forecast each. */
#define JOURNAL_MAX (64u << 20)

/* Bytes of the messages of one turn: some five thousand forecasts. */
#define OUTBOX_MAX (16u << 20)

/* That Paho's thread may wait for room in the inbox: well under any keep-alive. */
#define INBOX_WAIT_MS 1000

#define CREDENTIAL_PASSWORD "xlstmd.mqtt-password"
#define CREDENTIAL_KEY      "xlstmd.mqtt-key"

static int fail(int error, int status, const char *what) {
	log_error("%s: %s", what, error_text(error));
	return status;
}

/* Any thread. */
static void wake(void *context) {
	struct app *app = context;

	uv_async_send(&app->mail_arrived);
}

/* Where readings are stored the inbox is a file beside the database, for what is acknowledged and
 * not yet committed. */
static int open_inbox(struct app *app) {
	const struct config *config = app->config;
	struct inbox_options options = {
		.bytes = config->mqtt.inbox,
		.wait_ms = INBOX_WAIT_MS,
		.wake = wake,
		.context = app,
		.sync = config->store.durability == STORE_FULL,
	};

	if (!config->store.readings)
		return inbox_create(&app->inbox, &options);

	text_add_format(&app->inbox_path, "%s.inbox", config->store.path);
	text_add_char(&app->inbox_path, '\0');
	if (text_failed(&app->inbox_path))
		return -ENOMEM;
	options.path = app->inbox_path.data;
	int r = store_input(app->store, &options.committed);
	return r < 0 ? r : inbox_create(&app->inbox, &options);
}

static int setup_inbox(struct app *app) {
	int r = open_inbox(app);
	if (r < 0) {
		log_error("inbox %s: %s", app->inbox_path.length > 0 ? app->inbox_path.data : "",
			error_text(r));
		return r == E_VERSION || r == E_CORRUPT ? EXIT_STATUS_DATA : EXIT_STATUS_FAILED;
	}

	uint64_t recovered = inbox_counters(app->inbox).recovered;
	if (recovered > 0)
		log_notice("inbox: %" PRIu64 " messages that were taken in and not committed come "
			   "first",
			recovered);
	return 0;
}

static const char *unless_empty(const char *text) {
	return text[0] ? text : NULL;
}

/* The password from its file or credential, if there is one. */
static int find_password(const struct config_mqtt *config, struct text *password) {
	struct text path = { 0 };
	const char *from = unless_empty(config->password_file);
	int r = 0;

	if (!from && secret_credential_path(CREDENTIAL_PASSWORD, &path))
		from = path.data;
	if (from)
		r = secret_read(from, password);
	if (r < 0)
		log_error("password file %s: %s", from, error_text(r));
	text_finish(&path);
	return r;
}

static int create_client(struct app *app, const char *password, const char *key_file) {
	const struct config_mqtt *config = &app->config->mqtt;
	struct text client_id = { 0 }, state_topic = { 0 };

	text_add_format(&client_id, "xlstmd-%s", app->config->daemon.instance);
	text_add_char(&client_id, '\0');
	wire_write_instance_topic(&state_topic, span_text(config->base),
		span_text(app->config->daemon.instance), SPAN("state"));
	text_add_char(&state_topic, '\0');

	struct mqtt_options options = MQTT_OPTIONS_DEFAULT;
	options.server = config->server;
	options.client_id = config->client_id[0] ? config->client_id : client_id.data;
	options.version = (enum mqtt_version)config->protocol;
	options.persistent = config->session_expiry > 0;
	options.session_s = (uint32_t)(config->session_expiry / 1000);
	options.keep_alive_s = (unsigned)(config->keep_alive / 1000);
	options.back_off_min_ms = (unsigned)config->reconnect_min;
	options.back_off_max_ms = (unsigned)config->reconnect_max;
	options.username = unless_empty(config->user);
	options.password = password;
	options.ca_file = unless_empty(config->ca_file);
	options.certificate_file = unless_empty(config->cert_file);
	options.key_file = key_file;
	options.insecure = !config->verify;
	options.state_topic = state_topic.data;
	options.seed = random_seed();

	int r = text_failed(&client_id) || text_failed(&state_topic)
			? -ENOMEM
			: mqtt_create(&app->publisher.mqtt, &options, app->inbox);
	text_finish(&client_id);
	text_finish(&state_topic);
	return r;
}

static int subscribe_requests(struct app *app) {
	struct text filter = { 0 };

	text_add(&filter, text_span(&app->request_prefix));
	text_add(&filter, SPAN("+"));
	text_add_char(&filter, '\0');
	int r = text_failed(&filter) ? -ENOMEM
				     : mqtt_subscribe(app->publisher.mqtt, filter.data, 1);
	text_finish(&filter);
	return r;
}

/* What is added first is subscribed to last: who gets an answer knows that we hear readings. */
static int subscribe_all(struct app *app) {
	int r = subscribe_requests(app);

	return r < 0 ? r : sources_subscribe(&app->sources, NULL, app->publisher.mqtt);
}

/* Before any thread of ours: the client clears the environment of what would mislead Paho. */
static int setup_client(struct app *app) {
	struct text password = { 0 }, key_file = { 0 };
	const char *key = unless_empty(app->config->mqtt.key_file);

	if (!key && app->config->mqtt.cert_file[0] &&
		secret_credential_path(CREDENTIAL_KEY, &key_file))
		key = key_file.data;

	int r = find_password(&app->config->mqtt, &password);
	if (r == 0)
		r = create_client(app, password.data, key);
	if (r == 0)
		r = subscribe_all(app);
	secret_forget(&password);
	text_finish(&key_file);
	if (r == -ENOMEM)
		return fail(r, EXIT_STATUS_FAILED, "broker");
	return r < 0 ? fail(r, EXIT_STATUS_CONFIG, "broker") : 0;
}

static void write_topics(struct app *app) {
	struct span base = span_text(app->config->mqtt.base);
	struct span instance = span_text(app->config->daemon.instance);

	wire_write_instance_topic(&app->request_prefix, base, instance, SPAN("request/"));
	wire_write_instance_topic(&app->own_topics[0], base, instance, SPAN_EMPTY);
	wire_write_series_topic(&app->own_topics[1], base, SPAN("forecast"), SPAN_EMPTY);
	wire_write_series_topic(&app->own_topics[2], base, SPAN("anomaly"), SPAN_EMPTY);
}

static int create_registry(struct app *app) {
	struct registry_limits limits = registry_limits_default();

	limits.series_max = app->config->limits.series;
	limits.detectors_max = app->config->limits.detectors;
	limits.channels_max = app->config->limits.channels;
	return registry_create(&app->registry, &limits, random_seed());
}

static int create_engine(struct app *app) {
	const struct config_learning *learning = &app->config->learning;
	struct engine_options options = { .memory_max = app->config->limits.memory };

	learning_options_init(&options.learning);
	options.learning.enabled = true; /* it may be paused, and go on */
	options.learning.memory = learning->memory;
	options.learning.every_ms = learning->interval;
	options.learning.steps = learning->steps;
	options.learning.rate = learning->rate / 1e6;
	options.learning.seed = app->config->forecast.seed;

	int r = network_open(app->config->forecast.model, &options.model, &app->model);
	if (r < 0)
		return r;

	app->model_layout = options.model ? xlstm_state_layout(options.model) : 0;
	app->training.shipped = options.model;
	text_add(&app->training.base, text_span(&app->model));
	if (text_failed(&app->training.base))
		return -ENOMEM;

	r = engine_create(&app->engine, &options);
	if (r < 0)
		return r;

	app_set_pause(app);
	app->stepping = calloc(app->config->limits.batch, sizeof(*app->stepping));
	if (!app->stepping)
		return -ENOMEM;
	return batch_create(&app->step.batch, app->config->limits.batch);
}

/* What is wrong with the files is told line by line. */
static int load_groups(struct app *app) {
	struct text problems = { 0 };
	int r = group_tables_load(&app->groups, app->config, &problems);

	if (problems.length > 0)
		log_error("groups:\n%.*s", SPAN_PRINT(text_span(&problems)));
	text_finish(&problems);
	return r;
}

static int setup_forecasting(struct app *app) {
	write_topics(app);
	int r = sources_init(&app->sources, app->config);
	if (r == 0)
		r = load_groups(app);
	if (r == 0)
		r = create_registry(app);
	if (r == 0 && app->config->forecast.enabled)
		r = create_engine(app);
	if (r == E_CONFIG || r == E_MISMATCH)
		return fail(r, EXIT_STATUS_CONFIG, "forecasting");
	return r < 0 ? fail(r, EXIT_STATUS_FAILED, "forecasting") : 0;
}

static void tell_way_out(int error) {
	if (error == E_CORRUPT)
		log_notice(
			"\"xlstmd --set-aside\" moves it out of the way and deletes nothing; the "
			"next start makes a fresh one");
}

/* A damaged database while we run: nothing that we could add to it would be worth anything. */
static void on_fatal(void *context, int error) {
	struct app *app = context;

	app->result = error == E_CORRUPT ? EXIT_STATUS_DATA : EXIT_STATUS_FAILED;
	tell_way_out(error);
	uv_stop(&app->loop);
}

struct writer_options setup_writer_options(struct app *app) {
	const struct config_store *config = &app->config->store;

	return (struct writer_options){
		.commit_interval_ms = config->commit_interval,
		.retention = { .readings = config->keep_readings,
			.forecasts = config->keep_forecasts,
			.anomalies = config->keep_anomalies },
		.journal_max = JOURNAL_MAX,
		.fatal = on_fatal,
		.context = app,
	};
}

static int refuse_store(const char *path, int error, const struct store_refusal *refusal) {
	if (error == E_IN_USE) {
		log_error("database %s: in use by process %d", path, (int)refusal->holder);
		return EXIT_STATUS_IN_USE;
	}
	log_error("database %s: %s%s%s", path, error_text(error), refusal->message[0] ? ": " : "",
		refusal->message);
	tell_way_out(error);
	return error == E_VERSION || error == E_CORRUPT ? EXIT_STATUS_DATA : EXIT_STATUS_FAILED;
}

static int open_store(struct app *app) {
	const struct config_store *config = &app->config->store;
	struct store_refusal refusal = { 0 };
	struct store_options options = {
		.path = config->path,
		.create = true,
		.durability = (enum store_durability)config->durability,
	};
	int r = store_open(&app->store, &options, &refusal);

	return r < 0 ? refuse_store(config->path, r, &refusal) : 0;
}

static int setup_writer(struct app *app) {
	struct writer_options writing = setup_writer_options(app);
	struct store *store = app->store;

	int r = writer_init(&app->writer, &app->loop, store, &writing);
	if (r < 0)
		return fail(r, EXIT_STATUS_FAILED, "write lane");

	app->store = NULL;
	r = app_load_training(app, store);
	if (r == 0)
		r = app_recover(app, store);
	if (r < 0) {
		log_error("database %s: can't go on from it: %s (%s)", app->config->store.path,
			error_text(r), store_message(store));
		tell_way_out(r);
		return r == E_CORRUPT ? EXIT_STATUS_DATA : EXIT_STATUS_FAILED;
	}
	return 0;
}

static void step_work(void *data) {
	struct step_job *job = data;
	uint64_t start = uv_hrtime();

	batch_run(job->batch);
	job->busy_ns += uv_hrtime() - start;
}

static void step_done(void *data) {
	struct step_job *job = data;

	app_step_done(job->app);
}

static int setup_lanes(struct app *app) {
	app->step.app = app;

	int r = lane_init(&app->step_lane, &app->loop,
		&(struct lane_options){ .name = "step", .work = step_work, .done = step_done });
	if (r < 0)
		return fail(r, EXIT_STATUS_FAILED, "step lane");

	r = app_init_training(app);
	if (r < 0)
		return fail(r, EXIT_STATUS_FAILED, "train lane");

	r = publisher_init(&app->publisher, &app->loop, app->publisher.mqtt, OUTBOX_MAX);
	return r < 0 ? fail(r, EXIT_STATUS_FAILED, "publish lane") : 0;
}

int setup_init(struct app *app) {
	static int (*const steps[])(struct app * app) = {
		setup_forecasting,
		open_store,
		setup_inbox,
		setup_client,
		setup_writer,
		setup_lanes,
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int status = steps[i](app);
		if (status != 0)
			return status;
	}
	return 0;
}

/* What could not be committed is told, and is a failure, unless the damage has been told. */
static void finish_writer(struct app *app) {
	if (app->writer.loop && app->counters.messages > 0)
		app_note_input(app);

	int r = writer_finish(&app->writer);

	if (r == 0 || app->result != EXIT_STATUS_OK)
		return;
	log_error("database: the latest readings could not be committed: %s", error_text(r));
	app->result = EXIT_STATUS_FAILED;
}

void setup_finish(struct app *app) {
	app_stop_training(app);
	lane_finish(&app->step_lane);
	publisher_finish(&app->publisher, 0);
	finish_writer(app);
	store_close(app->store);
	inbox_destroy(app->inbox);
	batch_destroy(app->step.batch);
	free(app->stepping);
	engine_destroy(app->engine);
	app_finish_training(app);
	registry_destroy(app->registry);
	roster_finish(&app->roster);
	sources_finish(&app->sources);
	group_tables_finish(&app->groups);
	group_tables_finish(&app->groups_next);
	reading_list_finish(&app->readings);

	struct text *const texts[] = { &app->json, &app->topic, &app->state, &app->model,
		&app->inbox_path, &app->request_prefix, &app->own_topics[0], &app->own_topics[1],
		&app->own_topics[2] };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		text_finish(texts[i]);
}
