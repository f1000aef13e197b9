/* SPDX-License-Identifier: Apache-2.0 */
#include "lane.h"

#include "thread.h"

#include <unistd.h>

/* Under mutex. Waits for a job or the end; NULL is the end. */
static void *await_job(struct lane *lane) {
	while (!lane->running && !lane->stopping)
		uv_cond_wait(&lane->started, &lane->mutex);
	return lane->running ? lane->job : NULL;
}

static void *lane_run(void *argument) {
	struct lane *lane = argument;

	pthread_setname_np(pthread_self(), lane->options.name);
	/* On Linux a niceness belongs to a thread; a refusal costs politeness only. */
	if (lane->options.nice > 0)
		(void)nice(lane->options.nice);

	uv_mutex_lock(&lane->mutex);
	for (void *job; (job = await_job(lane));) {
		uv_mutex_unlock(&lane->mutex);
		lane->options.work(job);
		atomic_fetch_add_explicit(&lane->progress, 1, memory_order_relaxed);
		uv_mutex_lock(&lane->mutex);
		lane->running = false;
		uv_cond_signal(&lane->finished);
		uv_async_send(&lane->wake);
	}
	uv_mutex_unlock(&lane->mutex);
	return NULL;
}

/* Calls `done` for a job that is finished and not yet delivered. */
static void deliver(struct lane *lane) {
	uv_mutex_lock(&lane->mutex);
	void *job = lane->running ? NULL : lane->job;
	if (job)
		lane->job = NULL;
	uv_mutex_unlock(&lane->mutex);

	if (!job)
		return;
	lane->busy = false;
	lane->options.done(job);
}

static void on_wake(uv_async_t *wake) {
	deliver(wake->data);
}

int lane_init(struct lane *lane, uv_loop_t *loop, const struct lane_options *options) {
	*lane = (struct lane){ .options = *options };

	int r = uv_mutex_init(&lane->mutex);
	if (r < 0)
		return r;
	r = uv_cond_init(&lane->started);
	if (r < 0)
		goto no_started;
	r = uv_cond_init(&lane->finished);
	if (r < 0)
		goto no_finished;
	r = uv_async_init(loop, &lane->wake, on_wake);
	if (r < 0)
		goto no_wake;
	lane->wake.data = lane;

	r = thread_start(&lane->thread, lane_run, lane);
	if (r == 0)
		return 0;

	lane->wake.data = NULL;
	uv_close((uv_handle_t *)&lane->wake, NULL);
no_wake:
	uv_cond_destroy(&lane->finished);
no_finished:
	uv_cond_destroy(&lane->started);
no_started:
	uv_mutex_destroy(&lane->mutex);
	return r;
}

bool lane_start(struct lane *lane, void *job) {
	if (lane->busy)
		return false;
	lane->busy = true;

	uv_mutex_lock(&lane->mutex);
	lane->job = job;
	lane->running = true;
	uv_cond_signal(&lane->started);
	uv_mutex_unlock(&lane->mutex);
	return true;
}

bool lane_is_busy(const struct lane *lane) {
	return lane->busy;
}

void lane_wait(struct lane *lane) {
	uv_mutex_lock(&lane->mutex);
	while (lane->running)
		uv_cond_wait(&lane->finished, &lane->mutex);
	uv_mutex_unlock(&lane->mutex);
	deliver(lane);
}

void lane_finish(struct lane *lane) {
	if (!lane->wake.data)
		return;
	while (lane->busy)
		lane_wait(lane);

	uv_mutex_lock(&lane->mutex);
	lane->stopping = true;
	uv_cond_signal(&lane->started);
	uv_mutex_unlock(&lane->mutex);
	uv_thread_join(&lane->thread);

	uv_cond_destroy(&lane->finished);
	uv_cond_destroy(&lane->started);
	uv_mutex_destroy(&lane->mutex);
	lane->wake.data = NULL;
	uv_close((uv_handle_t *)&lane->wake, NULL);
}

void lane_beat(struct lane *lane) {
	atomic_fetch_add_explicit(&lane->progress, 1, memory_order_relaxed);
}

uint64_t lane_progress(const struct lane *lane) {
	return atomic_load_explicit(&lane->progress, memory_order_relaxed);
}
