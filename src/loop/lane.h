/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOOP_LANE_H
#define LOOP_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/*
 * A lane is a named thread that runs one job at a time for the loop. From lane_start until `done`
 * has been called, the job and everything it names belong to the lane; so nobody else needs a
 * lock. Every started job comes back exactly once.
 */

/* On the lane's thread. */
typedef void lane_work_fn(void *job);

/* On the loop, in a later turn than lane_start; may start the next job. */
typedef void lane_done_fn(void *job);

struct lane_options {
	const char *name; /* of the thread, at most 15 bytes; borrowed while the lane lives */
	int nice; /* added to the process's, 0 to 19; the train lane makes way */
	lane_work_fn *work;
	lane_done_fn *done;
};

/* Private; here so that a lane can be a member. */
struct lane {
	struct lane_options options;
	uv_thread_t thread;
	uv_mutex_t mutex;
	uv_cond_t started; /* or stopping */
	uv_cond_t finished;
	uv_async_t wake; /* tells the loop; merges, so that it is only a hint */
	void *job; /* under mutex: given and not yet delivered */
	bool running; /* under mutex: the thread has the job */
	bool stopping; /* under mutex */
	bool busy; /* the loop's own view */
	_Atomic uint64_t progress;
};

/* Starts the thread, with every signal blocked. 0 or -errno. */
int lane_init(struct lane *lane, uv_loop_t *loop, const struct lane_options *options);

/* Gives the lane a job, not NULL. False: it is busy and the job is still yours. Loop only. */
bool lane_start(struct lane *lane, void *job);

/* Whether a job has been started that `done` has not been called for. Loop only. */
bool lane_is_busy(const struct lane *lane);

/* Blocks the loop until the job in flight, if any, is finished, and delivers it. For orderly ends:
 * a `done` that starts another job has that one waited for by the next call. */
void lane_wait(struct lane *lane);

/* Waits for the job in flight, delivers it, ends the thread and closes the handle. The lane's
 * memory must stay until the loop has run its closing callbacks. Fine on a zeroed lane that was
 * never initialised. */
void lane_finish(struct lane *lane);

/* Says "alive" from inside a long job, for the watchdog. */
void lane_beat(struct lane *lane);

/* Rises with every finished job and every beat; any thread. A lane that is busy and does not
 * rise for long hangs. */
uint64_t lane_progress(const struct lane *lane);

#endif
