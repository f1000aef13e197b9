/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_WRITER_H
#define DAEMON_WRITER_H

#include "lane.h"
#include "store.h"

#include <uv.h>

/*
 * The database's side of the daemon: two journals, one that fills while the other is committed on
 * the write lane, and the housekeeping between commits.
 *
 * A commit starts when the lane is idle and the journal has waited commit_interval, or has grown to
 * a sixteenth of its bound. If a commit fails its journal is kept and tried again, after a pause that
 * grows; meanwhile the other one fills. When both are full, forecasts are no longer noted, then
 * readings neither, and what is left out is counted: forecasting goes on without its database.
 */
struct writer_options {
	int64_t commit_interval_ms;
	struct store_retention retention;
	size_t journal_max; /* bytes of one journal */
	void (*fatal)(void *context, int error); /* the database is damaged: nothing can go on */
	void *context;
};

/* The lane's job: everything that the lane may touch. */
struct write_job {
	struct store *store;
	struct journal *journal; /* NULL: only housekeeping */
	bool prune;
	struct store_retention retention;
	int64_t now_ms;
	int committed; /* 0, or why the journal was not */
	int pruned; /* 1: the round is not complete, 0, or why nothing was deleted */
	uint64_t busy_ns; /* since the start of the daemon */
	double pace; /* bytes a millisecond of the latest large journal; 0: none yet */
	struct store_stats stats;
	char message[256];
	struct writer *writer;
};

struct writer {
	struct writer_options options;
	struct store *store;
	struct journal journals[2];
	unsigned filling; /* index of the journal that takes rows */
	bool retrying; /* the other one holds a transaction that failed */
	int64_t waiting_since_ms; /* the filling journal's first row; TIME_NONE while it is empty */
	int64_t retry_ms; /* not before, on the loop's clock */
	int64_t retry_pause_ms;
	int64_t prune_ms; /* next housekeeping, on the loop's clock */
	uint64_t unstored; /* rows left out because both journals were full */
	int failure; /* of the latest commit, 0: it went well */
	int prune_failure; /* of the latest housekeeping */
	struct store_stats stats; /* after the latest job */
	uint64_t busy_ns;
	uint64_t commits;
	uint64_t input; /* the latest committed journal's; 0: none yet */
	int64_t commit_ms; /* of the latest commit that went well, wall clock; TIME_NONE */
	struct write_job job;
	struct lane lane;
	uv_timer_t timer;
	uv_loop_t *loop; /* NULL: not initialised */
};

/* Takes over the store, to which the write lane alone speaks from now on. 0 or -errno. */
int writer_init(struct writer *writer, uv_loop_t *loop, struct store *store,
	const struct writer_options *options);

/* Commits what is there, and waits for it. */
void writer_commit(struct writer *writer, int64_t now_ms);

/* Commits what is left, waiting at most for the attempt in flight and one more; then closes the
 * store, on a disk that is slow without copying its log first. Returns the last commit's result. The loop must run once more to close the handles. Fine on a
 * zeroed writer that was never initialised. */
int writer_finish(struct writer *writer);

/* For what may change while the daemon runs. */
void writer_set_options(struct writer *writer, const struct writer_options *options);

/* The journal that takes rows. */
struct journal *writer_journal(struct writer *writer);

/* Whether the caller should rather wait: both journals are taken and the database keeps up no
 * longer. False while it fails, when waiting would not help. */
bool writer_is_full(const struct writer *writer);

/* Whether there is room for forecasts, and for readings (which may go beyond); what is not noted
 * for that reason is to be told to writer_count_unstored. */
bool writer_takes_forecasts(const struct writer *writer);
bool writer_takes_readings(const struct writer *writer);

/* Whether states may be added, which can wait and come in large pieces: they are committed at once. */
bool writer_takes_states(const struct writer *writer);
void writer_count_unstored(struct writer *writer);

/* Starts what is due; before the loop waits. `flush` commits even what has not waited long. */
void writer_start(struct writer *writer, bool flush, int64_t now_ms);

/* Whether nothing waits and nothing runs. */
bool writer_is_idle(const struct writer *writer);

#endif
