/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "error.h"
#include "log.h"

#include "xlstm/error.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/*
 * Learning while running: attempts go to the train lane, and what becomes of them goes to the
 * journal, where the adopted weights, the name of what is in use and the row that says why are
 * committed together. So a start finds the weights that were in use, or those before, never a mix.
 */

static bool beat(void *data) {
	struct train_job *job = data;

	lane_beat(&job->app->training.lane);
	return !atomic_load_explicit(&job->stopping, memory_order_relaxed);
}

/* On the train lane. */
static void work(void *data) {
	struct train_job *job = data;
	uint64_t start = uv_hrtime();

	study_work(job->study, beat, job);
	job->took_ns = uv_hrtime() - start;
	job->busy_ns += job->took_ns;
}

/* What the database calls the weights in use: the detector's own, or the shared ones. */
static struct text *name_in_use(struct app *app, const struct detector *detector) {
	return detector ? &app->roster.detectors[detector_id(detector)].model : &app->model;
}

static void set_text(struct text *text, struct span to) {
	struct text copy = { 0 };

	text_add(&copy, to);
	text_finish(text);
	*text = copy;
}

/* Of `meta`. */
#define FLAGGED "flagged"

static void write_key(struct span what, const struct detector *detector, struct text *to) {
	text_add(to, what);
	if (!detector)
		return;
	text_add_char(to, ' ');
	text_add(to, detector_name(detector));
}

static void note_meta(
	struct app *app, struct span what, const struct detector *detector, struct span value) {
	struct text key = { 0 };

	write_key(what, detector, &key);
	if (!text_failed(&key))
		journal_meta(writer_journal(&app->writer), text_span(&key), value);
	text_finish(&key);
}

/* From now on these weights are in use under this name. */
static void note_champion(struct app *app, const struct detector *detector, struct span name) {
	set_text(name_in_use(app, detector), name);
	note_meta(app, SPAN("champion"), detector, name);
	if (!detector)
		note_meta(app, SPAN("model"), NULL, name);
}

/* Versions beyond those that are to be kept leave the database. */
static void drop_surplus(struct app *app, struct span detector, struct span in_use) {
	struct versions *versions = &app->training.versions;
	const struct version *surplus;

	while ((surplus =
			versions_surplus(versions, detector, app->config->learning.keep, in_use))) {
		struct model_row row = { .name = text_span(&surplus->name), .remove = true };

		journal_model(writer_journal(&app->writer), &row);
		versions_remove(versions, surplus);
	}
}

static int journal_version(struct app *app, const struct verdict *verdict, struct span name,
	struct span parent, struct span note) {
	struct model_row row = {
		.name = name,
		.parent = parent,
		.note = note,
		.created_ms = app_now(),
		.layout = xlstm_state_layout(verdict->after),
	};
	void *bytes;
	size_t size;

	int r = xlstm_weights_write(xlstm_model_weights(verdict->after), &bytes, &size);
	if (r < 0)
		return r;
	row.weights = span_of(bytes, size);
	r = journal_model(writer_journal(&app->writer), &row);
	free(bytes);
	return r < 0 ? r : versions_add(&app->training.versions, name, parent, row.created_ms);
}

static void write_subject(const struct verdict *verdict, struct text *to) {
	if (verdict->kind == VERDICT_UNDONE)
		text_add(to, SPAN("live scores"));
	else
		text_add_format(to,
			"%" PRIu32 " steps on %" PRIu32 " lessons, exam of %" PRIu32
			" lessons of %" PRIu32 " series",
			verdict->steps, verdict->lessons, verdict->exam_lessons,
			verdict->exam_series);
}

static void journal_verdict(
	struct app *app, const struct verdict *verdict, struct span before, struct span after) {
	struct text subject = { 0 };

	write_subject(verdict, &subject);
	struct learning_row row = {
		.time_ms = app_now(),
		.model = before,
		.candidate = after,
		.subject = text_span(&subject),
		.loss_before = verdict->loss_before,
		.loss_after = verdict->loss_after,
		.adopted = verdict->kind != VERDICT_REFUSED,
		.reason = span_text(verdict->reason),
		.duration_ms = verdict->kind == VERDICT_UNDONE
				       ? 0
				       : (int64_t)(app->training.job.took_ns / 1000000),
	};
	journal_learning(writer_journal(&app->writer), &row);
	text_finish(&subject);
}

static void count(struct training *training, enum verdict_kind kind) {
	training->adopted += kind == VERDICT_ADOPTED;
	training->refused += kind == VERDICT_REFUSED;
	training->undone += kind == VERDICT_UNDONE;
}

/* The name of what a verdict leaves behind, or of what it refused. */
static void write_candidate(
	struct app *app, const struct verdict *verdict, struct span before, struct text *to) {
	const struct training *training = &app->training;
	struct span detector = verdict->detector ? detector_name(verdict->detector) : SPAN_EMPTY;
	const struct version *version;

	if (verdict->kind != VERDICT_UNDONE) {
		versions_write_next(&training->versions, text_span(&training->base), detector, to);
		return;
	}
	version = versions_find(&training->versions, before);
	text_add(to, version ? text_span(&version->parent) : text_span(&training->base));
}

static void note_verdict(struct app *app, const struct verdict *verdict) {
	struct text before = { 0 }, after = { 0 };
	const struct text *in_use = name_in_use(app, verdict->detector);
	int r = 0;

	text_add(&before, text_span(in_use->length > 0 ? in_use : &app->training.base));
	write_candidate(app, verdict, text_span(&before), &after);
	count(&app->training, verdict->kind);
	journal_verdict(app, verdict, text_span(&before), text_span(&after));
	if (verdict->kind == VERDICT_ADOPTED)
		r = journal_version(app, verdict, text_span(&after), text_span(&before),
			span_text(verdict->reason));
	if (verdict->kind != VERDICT_REFUSED) {
		log_notice("network %.*s %s %.*s: %s", SPAN_PRINT(text_span(&after)),
			verdict->kind == VERDICT_ADOPTED ? "takes the place of" : "is back for",
			SPAN_PRINT(text_span(&before)), verdict->reason);
		note_champion(app, verdict->detector, text_span(&after));
		drop_surplus(app, version_detector(text_span(&after)), text_span(&after));
	}
	if (r < 0)
		log_error("network %.*s: not stored: %s", SPAN_PRINT(text_span(&after)),
			error_text(r));
	text_finish(&before);
	text_finish(&after);
}

/* On the loop. */
static void done(void *data) {
	struct train_job *job = data;
	struct app *app = job->app;
	struct verdict verdict;

	app->training.busy_ns = job->busy_ns;
	engine_conclude(app->engine, job->study, &verdict);
	job->study = NULL;
	if (!atomic_load_explicit(&job->stopping, memory_order_relaxed))
		note_verdict(app, &verdict);
	verdict_finish(&verdict);
}

int app_init_training(struct app *app) {
	app->training.job.app = app;
	return lane_init(&app->training.lane, &app->loop,
		&(struct lane_options){ .name = "train",
			.nice = (int)app->config->learning.nice,
			.work = work,
			.done = done });
}

void app_stop_training(struct app *app) {
	atomic_store_explicit(&app->training.job.stopping, true, memory_order_relaxed);
	lane_finish(&app->training.lane);
}

void app_finish_training(struct app *app) {
	struct training *training = &app->training;

	xlstm_model_unref(training->shipped);
	versions_finish(&training->versions);
	text_finish(&training->base);
}

void app_set_pause(struct app *app) {
	if (app->engine)
		engine_pause(app->engine, app->training.paused || !app->config->learning.enabled);
}

void app_pause_learning(struct app *app, bool paused) {
	app->training.paused = paused;
	note_meta(app, SPAN("paused"), NULL, paused ? SPAN("1") : SPAN("0"));
	app_set_pause(app);
}

int app_flag(struct app *app, const struct detector *detector, bool flagged) {
	int r = engine_flag(app->engine, detector, flagged);
	if (r == 0)
		note_meta(app, SPAN(FLAGGED), detector, flagged ? SPAN("1") : SPAN("0"));
	return r;
}

void app_train(struct app *app) {
	struct train_job *job = &app->training.job;

	if (lane_is_busy(&app->training.lane))
		return;
	job->study = engine_study(app->engine);
	if (job->study)
		lane_start(&app->training.lane, job);
}

void app_review(struct app *app) {
	struct verdict verdict;

	if (!engine_review(app->engine, &verdict))
		return;
	note_verdict(app, &verdict);
	verdict_finish(&verdict);
}

/* The weights in a stored version's bytes. */
static int read_weights(struct span bytes, struct xlstm_model **ret_model) {
	struct xlstm_weights *weights;

	int r = xlstm_weights_parse(&weights, bytes.data, bytes.length, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : E_CORRUPT;
	r = xlstm_model_create(ret_model, weights);
	xlstm_weights_destroy(weights);
	return r;
}

int app_use_weights(
	struct app *app, const struct detector *detector, struct span name, struct span bytes) {
	struct xlstm_model *model;

	int r = read_weights(bytes, &model);
	if (r < 0)
		return r;
	r = engine_adopt(app->engine, detector, model);
	xlstm_model_unref(model);
	if (r == 0)
		set_text(name_in_use(app, detector), name);
	return r;
}

int app_restore_weights(
	struct app *app, const struct detector *detector, struct span name, struct span bytes) {
	struct span shipped = text_span(&app->training.base);
	struct text before = { 0 };
	struct verdict verdict = { .kind = VERDICT_UNDONE,
		.loss_before = NAN,
		.loss_after = NAN,
		.reason = "by request" };
	int r;

	text_add(&before, text_span(name_in_use(app, detector)));
	if (span_equal(name, shipped)) {
		r = engine_adopt(app->engine, detector, app->training.shipped);
		if (r == 0)
			set_text(name_in_use(app, detector), shipped);
	} else {
		r = app_use_weights(app, detector, name, bytes);
	}
	if (r == 0) {
		journal_verdict(app, &verdict, text_span(&before), name);
		note_champion(app, detector, name);
	}
	text_finish(&before);
	return r;
}

/* The version that was in use, if it was learned from what is shipped now. */
static int load_champion(struct app *app, struct store *store, const struct detector *detector) {
	struct text key = { 0 }, name = { 0 }, bytes = { 0 };

	write_key(SPAN("champion"), detector, &key);
	int r = text_failed(&key) ? -ENOMEM : store_meta(store, text_span(&key), &name);
	if (r == 0 && !version_is_of(text_span(&name), text_span(&app->training.base)))
		r = E_NOT_FOUND;
	if (r == 0)
		r = store_model(store, text_span(&name), &bytes);
	if (r == 0)
		r = app_use_weights(app, detector, text_span(&name), text_span(&bytes));
	if (r < 0 && r != E_NOT_FOUND)
		log_warning("network %.*s can't be used: %s", SPAN_PRINT(text_span(&name)),
			error_text(r));
	text_finish(&key);
	text_finish(&name);
	text_finish(&bytes);
	return r == -ENOMEM ? r : 0;
}

static int load_pause(struct app *app, struct store *store) {
	struct text value = { 0 };

	int r = store_meta(store, SPAN("paused"), &value);
	app->training.paused = r == 0 && span_equal(text_span(&value), SPAN("1"));
	text_finish(&value);
	return r == E_NOT_FOUND ? 0 : r;
}

static int load_flag(void *user, const struct meta_row *row) {
	struct app *app = user;
	size_t before = strlen(FLAGGED) + 1;
	struct span name = span_of(row->key.data + before, row->key.length - before);
	const struct detector *detector = registry_find_detector(app->registry, name);

	if (detector && span_equal(row->value, SPAN("1")))
		(void)engine_flag(app->engine, detector, true); /* it may have found no room */
	return 0;
}

int app_load_flags(struct app *app, struct store *store) {
	return store_each_meta(store, SPAN(FLAGGED " "), load_flag, app);
}

static int note_stored_version(void *user, const struct model_row *row) {
	struct app *app = user;

	return versions_add(&app->training.versions, row->name, row->parent, row->created_ms);
}

int app_load_training(struct app *app, struct store *store) {
	if (!app->training.shipped)
		return 0;
	int r = store_each_model(store, note_stored_version, app);
	if (r == 0)
		r = load_pause(app, store);
	app_set_pause(app);
	return r < 0 ? r : load_champion(app, store, NULL);
}

bool app_has_own_weights(const struct app *app, uint32_t source) {
	return app->training.shipped && app->sources.items[source].config->instances == CONFIG_OWN;
}

int app_own_weights(struct app *app, struct store *store, struct detector *detector) {
	int r = engine_own(app->engine, detector);
	if (r == E_TOO_MANY_SERIES && app->training.without_own++ == 0)
		log_warning("[limits] memory is reached: further detectors share the network's "
			    "weights though their source says own");
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return store ? load_champion(app, store, detector) : 0;
}
