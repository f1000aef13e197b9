/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

int window_init(struct window *window, unsigned limit) {
	*window = (struct window){ .limit = limit };
	return monitor_init(&window->monitor);
}

void window_finish(struct window *window) {
	monitor_finish(&window->monitor);
}

void window_set_limit(struct window *window, unsigned limit) {
	monitor_lock(&window->monitor);
	window->limit = limit;
	monitor_notify(&window->monitor);
	monitor_unlock(&window->monitor);
}

/* Waits until fewer than `limit` messages are in flight; locked. */
static bool await_fewer(struct window *window, const unsigned *limit, int64_t deadline_ms) {
	while (window->in_flight >= *limit) {
		if (!monitor_wait(&window->monitor, deadline_ms))
			return window->in_flight < *limit;
	}
	return true;
}

bool window_take(struct window *window, int64_t deadline_ms) {
	monitor_lock(&window->monitor);
	bool taken = await_fewer(window, &window->limit, deadline_ms);
	if (taken)
		window->in_flight++;
	monitor_unlock(&window->monitor);
	return taken;
}

void window_settle(struct window *window, bool delivered) {
	monitor_lock(&window->monitor);
	window->in_flight--;
	window->delivered += delivered;
	window->failed += !delivered;
	monitor_notify(&window->monitor);
	monitor_unlock(&window->monitor);
}

void window_return(struct window *window) {
	monitor_lock(&window->monitor);
	window->in_flight--;
	monitor_notify(&window->monitor);
	monitor_unlock(&window->monitor);
}

bool window_await_empty(struct window *window, int64_t deadline_ms) {
	static const unsigned one = 1;

	monitor_lock(&window->monitor);
	bool empty = await_fewer(window, &one, deadline_ms);
	monitor_unlock(&window->monitor);
	return empty;
}

struct window window_snapshot(struct window *window) {
	monitor_lock(&window->monitor);
	struct window copy = *window;
	monitor_unlock(&window->monitor);
	return copy;
}
