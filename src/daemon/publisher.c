/* SPDX-License-Identifier: Apache-2.0 */
#include "publisher.h"

#include "log.h"

/* On the publish lane. */
static void work(void *data) {
	struct publish_job *job = data;
	uint64_t start = uv_hrtime();

	if (job->outbox)
		mqtt_send_all(job->mqtt, job->outbox);
	if (job->tend)
		job->tend_again_ms = mqtt_tend(job->mqtt);
	job->busy_ns += uv_hrtime() - start;
}

static void on_timer(uv_timer_t *timer) {
	struct publisher *publisher = timer->data;

	publisher->tend = true;
}

/* On the loop. */
static void done(void *data) {
	struct publish_job *job = data;
	struct publisher *publisher = job->publisher;

	publisher->busy_ns = job->busy_ns;
	if (job->outbox)
		outbox_reset(job->outbox);
	if (job->tend && job->tend_again_ms >= 0)
		uv_timer_start(&publisher->timer, on_timer, (uint64_t)job->tend_again_ms, 0);
}

int publisher_init(
	struct publisher *publisher, uv_loop_t *loop, struct mqtt *mqtt, size_t outbox_max) {
	*publisher = (struct publisher){
		.mqtt = mqtt,
		.tend = true,
		.job = { .mqtt = mqtt, .publisher = publisher },
	};
	for (int i = 0; i < 2; i++)
		outbox_init(&publisher->outboxes[i], outbox_max);

	int r = lane_init(&publisher->lane, loop,
		&(struct lane_options){ .name = "publish", .work = work, .done = done });
	if (r < 0)
		return r;

	uv_timer_init(loop, &publisher->timer);
	publisher->timer.data = publisher;
	publisher->loop = loop;
	return 0;
}

void publisher_stop(struct publisher *publisher, unsigned timeout_ms) {
	if (!publisher->mqtt)
		return;
	if (publisher->loop) {
		lane_wait(&publisher->lane);
		publisher_start(publisher);
		lane_wait(&publisher->lane);
		mqtt_stop(publisher->mqtt, timeout_ms);
	}
	publisher->counters = mqtt_counters(publisher->mqtt);
	mqtt_destroy(publisher->mqtt);
	publisher->mqtt = NULL;
	publisher->connected = false;
}

void publisher_finish(struct publisher *publisher, unsigned timeout_ms) {
	publisher_stop(publisher, timeout_ms);
	if (!publisher->loop)
		return;
	lane_finish(&publisher->lane);
	uv_close((uv_handle_t *)&publisher->timer, NULL);
	for (int i = 0; i < 2; i++)
		outbox_finish(&publisher->outboxes[i]);
}

struct mqtt_counters publisher_counters(struct publisher *publisher) {
	if (publisher->mqtt)
		publisher->counters = mqtt_counters(publisher->mqtt);
	return publisher->counters;
}

void publisher_hear(struct publisher *publisher, const struct mail *news) {
	switch (news->kind) {
	case MAIL_CONNECTED:
		log_notice("broker: connected, MQTT %s%s", news->code == 5 ? "5" : "3.1.1",
			news->session ? ", session resumed" : "");
		publisher->connected = true;
		publisher->refused = false;
		break;
	case MAIL_REFUSED:
		if (!publisher->refused)
			log_warning("broker: no connection (%.*s); trying again",
				SPAN_PRINT(news->payload));
		publisher->refused = true;
		break;
	case MAIL_LOST:
		log_warning("broker: connection lost (%.*s)", SPAN_PRINT(news->payload));
		publisher->connected = false;
		break;
	case MAIL_FILTER_REFUSED:
		log_error("broker: does not let us subscribe to %.*s (%.*s)",
			SPAN_PRINT(news->topic), SPAN_PRINT(news->payload));
		break;
	case MAIL_MESSAGE: return;
	}
	publisher->tend = true;
}

void publisher_add(struct publisher *publisher, const struct mail *mail) {
	if (!publisher->connected || outbox_add(&publisher->outboxes[publisher->filling], mail) < 0)
		publisher->unsent++;
}

void publisher_start(struct publisher *publisher) {
	struct outbox *outbox = &publisher->outboxes[publisher->filling];
	struct publish_job *job = &publisher->job;

	if (!publisher->mqtt || lane_is_busy(&publisher->lane) ||
		(outbox->count == 0 && !publisher->tend))
		return;

	job->outbox = NULL;
	if (outbox->count > 0) {
		job->outbox = outbox;
		publisher->filling = !publisher->filling;
	}
	job->tend = publisher->tend;
	publisher->tend = false;
	lane_start(&publisher->lane, job);
}
