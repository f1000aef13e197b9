/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include "error.h"
#include "file.h"
#include "now.h"
#include "random.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define INBOX_BYTES     (16 << 20)
#define INBOX_WAIT_MS   2000
#define PASSWORD_MAX    4096
#define BACK_OFF_MIN_MS 200
#define BACK_OFF_MAX_MS 5000

void link_options_init(struct link_options *options) {
	const struct mqtt_options mqtt = MQTT_OPTIONS_DEFAULT;

	*options = (struct link_options){ .mqtt = mqtt };
	options->mqtt.back_off_min_ms = BACK_OFF_MIN_MS;
	options->mqtt.back_off_max_ms = BACK_OFF_MAX_MS;
	options->mqtt.seed = random_seed();
}

bool link_option(struct link_options *options, int option, const char *argument) {
	struct mqtt_options *mqtt = &options->mqtt;

	switch (option) {
	case LINK_OPTION_SERVER: mqtt->server = argument; return true;
	case LINK_OPTION_USER: mqtt->username = argument; return true;
	case LINK_OPTION_PASSWORD_FILE: options->password_file = argument; return true;
	case LINK_OPTION_CA_FILE: mqtt->ca_file = argument; return true;
	case LINK_OPTION_CERTIFICATE: mqtt->certificate_file = argument; return true;
	case LINK_OPTION_KEY: mqtt->key_file = argument; return true;
	case LINK_OPTION_INSECURE: mqtt->insecure = true; return true;
	default: return false;
	}
}

static void wake(void *context) {
	const uint64_t one = 1;

	(void)!write(((struct link *)context)->fd, &one, sizeof(one));
}

/* The password stands in the file's first line. */
static int read_password(const char *path, struct text *text) {
	if (!path)
		return 0;

	int r = file_read(path, PASSWORD_MAX, text);
	if (r < 0) {
		fprintf(stderr, "xlstmctl: %s: %s\n", path, error_text(r));
		return r;
	}

	struct span rest = text_span(text);
	text->length = span_cut(&rest, '\n').length;
	text_add_char(text, '\0');
	return text_failed(text) ? -ENOMEM : 0;
}

/* A name that two people who watch do not share. */
static void name_client(char *to, size_t size) {
	snprintf(to, size, "xlstmctl-%08x", (unsigned)(random_seed() & 0xffffffffu));
}

static int create_client(struct link *link, const struct link_options *options) {
	struct mqtt_options mqtt = options->mqtt;
	struct text password = { 0 };
	char client_id[32];

	name_client(client_id, sizeof(client_id));
	mqtt.client_id = client_id;
	int r = read_password(options->password_file, &password);
	if (r == 0) {
		mqtt.password = password.data;
		r = mqtt_create(&link->mqtt, &mqtt, link->inbox);
		if (r < 0)
			fprintf(stderr, "xlstmctl: %s: %s\n", mqtt.server, error_text(r));
	}
	text_finish(&password);
	return r;
}

int link_open(struct link *link, const struct link_options *options) {
	const struct inbox_options inbox = {
		.bytes = INBOX_BYTES,
		.wait_ms = INBOX_WAIT_MS,
		.wake = wake,
		.context = link,
	};

	*link = (struct link){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	int r = link->fd < 0 ? -errno : inbox_create(&link->inbox, &inbox);
	if (r < 0) {
		fprintf(stderr, "xlstmctl: %s\n", error_text(r));
		goto fail;
	}
	r = create_client(link, options);
	if (r == 0)
		return 0;
fail:
	inbox_destroy(link->inbox);
	if (link->fd >= 0)
		close(link->fd);
	return r;
}

void link_close(struct link *link, unsigned timeout_ms) {
	inbox_close(link->inbox);
	mqtt_stop(link->mqtt, timeout_ms);
	mqtt_destroy(link->mqtt);
	inbox_destroy(link->inbox);
	close(link->fd);
}

int64_t link_tend(struct link *link) {
	if (monotonic_ms() >= link->tend_at_ms) {
		int64_t wait = mqtt_tend(link->mqtt);
		link->tend_at_ms = wait < 0 ? INT64_MAX : monotonic_ms() + wait;
	}
	return link->tend_at_ms == INT64_MAX ? INT64_MAX : link->tend_at_ms - monotonic_ms();
}

bool link_next(struct link *link, struct mail *ret_mail) {
	if (link->rest.length == 0) {
		uint64_t count;
		(void)!read(link->fd, &count, sizeof(count));
		link->rest = inbox_take(link->inbox);
	}
	if (!mail_unpack(&link->rest, ret_mail))
		return false;
	if (ret_mail->kind != MAIL_MESSAGE)
		link->tend_at_ms = 0;
	return true;
}

void link_wait(struct link *link, int64_t timeout_ms) {
	struct pollfd ready = { .fd = link->fd, .events = POLLIN };

	if (link->rest.length == 0)
		poll(&ready, 1, timeout_ms > INT32_MAX ? -1 : (int)timeout_ms);
}
