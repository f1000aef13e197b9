/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include "error.h"
#include "log.h"
#include "timestamp.h"

#include <stdio.h>

/* Pause after a failed commit, doubled at each further one. */
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 30000

/* Rows that one piece of housekeeping deletes: twenty thousand a second keep up with what a busy
 * daemon writes. A reading takes 0.5 us, a forecast 7. */
#define PRUNE_ROWS 10000

/* Between two rounds of housekeeping, and between two pieces of one round. */
#define PRUNE_INTERVAL_MS (10 * 60 * 1000)
#define PRUNE_PAUSE_MS    500

/* A journal is committed once it has grown to this part of its bound, and gives its memory back if it
 * had grown beyond; while the database is well mail waits from this other part on. All the room is for a
 * database that fails. */
#define COMMIT_PART 16
#define FULL_PART   4

/* Readings are noted up to this many times the bound, forecasts to the bound, states to this part of
 * it. */
#define READINGS_FACTOR 2
#define STATES_PART     8

static int64_t loop_now(const struct writer *writer) {
	return (int64_t)uv_now(writer->loop);
}

/* Deletes what is too old, and copies the log of a quiet daemon into the database, where it would
 * else wait for days. */
static int keep_house(struct write_job *job) {
	int r = store_prune(job->store, &job->retention, job->now_ms, PRUNE_ROWS);

	if (r == 0)
		(void)store_checkpoint(job->store);
	return r;
}

static void keep_message(struct write_job *job) {
	snprintf(job->message, sizeof(job->message), "%s", store_message(job->store));
}

/* What is smaller tells how long the disk takes to answer, not how much it takes. */
#define PACE_BYTES_MIN (64u << 10)

/* That copying the log into the database may take at the end. */
#define CLOSE_MS 1000

static void measure_pace(struct write_job *job, uint64_t start_ns) {
	size_t bytes = job->journal ? journal_size(job->journal) : 0;

	if (bytes >= PACE_BYTES_MIN)
		job->pace = (double)bytes * 1e6 / (double)(uv_hrtime() - start_ns);
}

/* On the write lane. What has been committed is committed, however the housekeeping ends. */
static void work(void *data) {
	struct write_job *job = data;
	uint64_t start = uv_hrtime();

	job->committed = job->journal ? store_commit(job->store, job->journal) : 0;
	if (job->committed < 0)
		keep_message(job);
	else
		measure_pace(job, start);
	job->pruned = 0;
	if (job->committed == 0 && job->prune) {
		job->pruned = keep_house(job);
		if (job->pruned < 0)
			keep_message(job);
	}
	store_stats(job->store, &job->stats);
	job->busy_ns += uv_hrtime() - start;
}

/* Nothing that could be added to a damaged database would be worth anything. */
static void end_if_damaged(struct writer *writer, int error) {
	if (error == E_CORRUPT)
		writer->options.fatal(writer->options.context, error);
}

/* The journal stays with the job. */
static void note_failure(struct writer *writer, struct write_job *job) {
	if (writer->failure != job->committed)
		log_error("database: %s (%s); keeping what is not committed and trying again",
			error_text(job->committed), job->message);
	writer->failure = job->committed;
	writer->retrying = true;
	writer->retry_ms = loop_now(writer) + writer->retry_pause_ms;
	writer->retry_pause_ms *= 2;
	if (writer->retry_pause_ms > RETRY_MAX_MS)
		writer->retry_pause_ms = RETRY_MAX_MS;
	end_if_damaged(writer, job->committed);
}

static bool is_large(const struct writer *writer, const struct journal *journal) {
	return journal_size(journal) >= writer->options.journal_max / COMMIT_PART;
}

static void empty(const struct writer *writer, struct journal *journal) {
	if (is_large(writer, journal))
		journal_finish(journal);
	else
		journal_reset(journal);
}

static void note_commit(struct writer *writer, struct write_job *job) {
	if (writer->failure < 0)
		log_notice("database: commits go through again");
	writer->failure = 0;
	writer->retrying = false;
	writer->retry_pause_ms = RETRY_MIN_MS;
	writer->commits++;
	writer->commit_ms = job->now_ms;
	if (job->journal->input > 0)
		writer->input = job->journal->input;
	empty(writer, job->journal);
	job->journal = NULL;
}

/* What could not be deleted this time will be the next. */
static void note_housekeeping(struct writer *writer, struct write_job *job) {
	if (job->pruned < 0 && writer->prune_failure != job->pruned)
		log_error("database: old rows could not be deleted: %s (%s); trying again later",
			error_text(job->pruned), job->message);
	writer->prune_failure = job->pruned < 0 ? job->pruned : 0;
	writer->prune_ms =
		loop_now(writer) + (job->pruned > 0 ? PRUNE_PAUSE_MS : PRUNE_INTERVAL_MS);
	end_if_damaged(writer, job->pruned);
}

/* On the loop. */
static void done(void *data) {
	struct write_job *job = data;
	struct writer *writer = job->writer;

	writer->stats = job->stats;
	writer->busy_ns = job->busy_ns;
	if (job->committed < 0) {
		note_failure(writer, job);
		return;
	}
	if (job->journal)
		note_commit(writer, job);
	if (job->prune)
		note_housekeeping(writer, job);
}

/* The loop starts what is due before it waits; all that is needed is that it wakes up. */
static void on_timer(uv_timer_t *timer) {
	(void)timer;
}

int writer_init(struct writer *writer, uv_loop_t *loop, struct store *store,
	const struct writer_options *options) {
	*writer = (struct writer){
		.options = *options,
		.store = store,
		.waiting_since_ms = TIME_NONE,
		.retry_pause_ms = RETRY_MIN_MS,
		.commit_ms = TIME_NONE,
		.job = { .store = store, .writer = writer },
	};
	store_stats(store, &writer->stats);
	writer->prune_ms = (int64_t)uv_now(loop) + PRUNE_INTERVAL_MS;

	int r = lane_init(&writer->lane, loop,
		&(struct lane_options){ .name = "write", .work = work, .done = done });
	if (r < 0)
		return r;

	uv_timer_init(loop, &writer->timer);
	writer->loop = loop;
	return 0;
}

void writer_commit(struct writer *writer, int64_t now_ms) {
	lane_wait(&writer->lane);
	writer_start(writer, true, now_ms);
	lane_wait(&writer->lane);
}

/* The next start reads what is left in the log. */
static bool is_too_slow_to_copy(const struct writer *writer) {
	double pace = writer->job.pace;

	return pace > 0 && (double)writer->stats.wal_held_bytes > pace * CLOSE_MS;
}

int writer_finish(struct writer *writer) {
	int64_t now_ms = writer->job.now_ms;

	if (!writer->loop)
		return 0;
	lane_wait(&writer->lane);
	writer->retry_ms = 0;
	for (int attempt = 0; attempt < 2 && !writer_is_idle(writer); attempt++)
		writer_commit(writer, now_ms);
	if (is_too_slow_to_copy(writer))
		store_leave_log(writer->store);
	lane_finish(&writer->lane);
	uv_close((uv_handle_t *)&writer->timer, NULL);
	for (int i = 0; i < 2; i++)
		journal_finish(&writer->journals[i]);
	store_close(writer->store);
	return writer->failure;
}

void writer_set_options(struct writer *writer, const struct writer_options *options) {
	writer->options = *options;
}

struct journal *writer_journal(struct writer *writer) {
	return &writer->journals[writer->filling];
}

static size_t filled(const struct writer *writer) {
	return journal_size(&writer->journals[writer->filling]);
}

bool writer_is_full(const struct writer *writer) {
	return writer->failure == 0 && lane_is_busy(&writer->lane) &&
	       filled(writer) >= writer->options.journal_max / FULL_PART;
}

bool writer_takes_forecasts(const struct writer *writer) {
	return filled(writer) < writer->options.journal_max;
}

bool writer_takes_readings(const struct writer *writer) {
	return filled(writer) < READINGS_FACTOR * writer->options.journal_max;
}

bool writer_takes_states(const struct writer *writer) {
	return filled(writer) < writer->options.journal_max / STATES_PART &&
	       !lane_is_busy(&writer->lane) && !writer->retrying;
}

void writer_count_unstored(struct writer *writer) {
	writer->unstored++;
}

/* Hands the filling journal to the lane and goes on with the other, which is empty. */
static void commit(struct writer *writer) {
	writer->job.journal = &writer->journals[writer->filling];
	writer->filling = !writer->filling;
	writer->waiting_since_ms = TIME_NONE;
}

/* Milliseconds until the filling journal should be committed, 0 if it should be now. */
static int64_t commit_wait(const struct writer *writer, bool flush) {
	if (flush || is_large(writer, &writer->journals[writer->filling]))
		return 0;

	int64_t due = writer->waiting_since_ms + writer->options.commit_interval_ms;
	int64_t wait = due - loop_now(writer);
	return wait > 0 ? wait : 0;
}

static void wake_in(struct writer *writer, int64_t wait_ms) {
	uv_timer_start(&writer->timer, on_timer, (uint64_t)wait_ms, 0);
}

void writer_start(struct writer *writer, bool flush, int64_t now_ms) {
	struct write_job *job = &writer->job;
	bool waiting = !journal_is_empty(&writer->journals[writer->filling]);

	if (waiting && writer->waiting_since_ms == TIME_NONE)
		writer->waiting_since_ms = loop_now(writer);
	if (lane_is_busy(&writer->lane))
		return;

	job->prune = loop_now(writer) >= writer->prune_ms;
	if (writer->retrying) {
		if (!flush && loop_now(writer) < writer->retry_ms) {
			wake_in(writer, writer->retry_ms - loop_now(writer));
			return;
		}
	} else if (waiting) {
		int64_t wait_ms = commit_wait(writer, flush);
		if (wait_ms > 0) {
			wake_in(writer, wait_ms);
			return;
		}
		commit(writer);
	} else if (!job->prune) {
		return;
	}
	job->retention = writer->options.retention;
	job->now_ms = now_ms;
	lane_start(&writer->lane, job);
}

bool writer_is_idle(const struct writer *writer) {
	return !lane_is_busy(&writer->lane) && !writer->retrying &&
	       journal_is_empty(&writer->journals[writer->filling]);
}
