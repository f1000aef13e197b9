/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include "timing.h"

#include <signal.h>
#include <stdio.h>

#define BEGIN 1700000040

#define MESSAGES 6

/* That it may take to come to hear, and what a commit and a reload take. */
#define LOOKS     20
#define SETTLE_MS 150

static void publish_readings(unsigned number) {
	char topic[32], text[64];

	for (unsigned i = 0; i < MESSAGES; i++) {
		snprintf(topic, sizeof(topic), i + 1 < MESSAGES ? "plant/p%u" : "mine/m%u",
			(number + i) % 9);
		snprintf(text, sizeof(text), "{\"time\":%u,\"a\":%u,\"b\":%u}",
			BEGIN + 60 * (MESSAGES * number + i), i, number);
		publish_text(&peer, topic, text);
	}
}

/* How it has ended, if it has before it was ready. */
static int await_ready(void) {
	int status = PROCESS_RUNS;

	while (status == PROCESS_RUNS && !process_await(&process, "READY=1", 10))
		status = process_poll(&process, 0);
	return status;
}

struct life life_live(unsigned number) {
	/* The peer's own connection wants to be kept alive. */
	(void)peer_next(&peer, 1);
	process_spawn(&process);

	struct life life = { .status = await_ready() };
	if (life.status != PROCESS_RUNS)
		return life;

	for (int i = 0; i < LOOKS && !is_subscribed(&peer, 50); i++)
		continue;
	publish_readings(number);
	life.fed = true;
	process_signal(&process, SIGHUP);
	sleep_ms(SETTLE_MS);
	process_signal(&process, SIGTERM);
	life.status = process_wait(&process, PATIENCE_MS);
	return life;
}
