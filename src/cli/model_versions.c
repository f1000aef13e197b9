/* SPDX-License-Identifier: Apache-2.0 */
#include "model_versions.h"

#include "error.h"
#include "forecast.h"
#include "link.h"
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Patience with broker and daemon, together. */
#define ANSWER_MS 10000
#define CLOSE_MS  1000

static int print(struct query *query, const struct request *request) {
	return report_rows(query, request,
		"SELECT name, parent, datetime(created_ms/1000,'unixepoch') AS created,"
		" length(weights) AS bytes,"
		" EXISTS(SELECT 1 FROM meta WHERE (key='champion' OR key LIKE 'champion %')"
		"  AND value=name) AS in_use, note FROM model WHERE ?1 IS NULL ORDER BY id",
		"nothing has been learned yet");
}

int model_list_run(int argc, char **argv) {
	static const struct report report = {
		.name = "model list",
		.usage = "[OPTION...]\n\n"
			 "Learned weights that the database keeps, oldest first: name+NUMBER for "
			 "those "
			 "that\n"
			 "detectors share, name+NUMBER@DETECTOR for a detector's own.\n"
			 "\n",
		.print = print,
	};

	return report_run(&report, argc, argv);
}

static const char usage[] =
	"Usage: xlstmctl model restore NAME [OPTION...]\n"
	"\n"
	"Has the daemon go back to weights of `xlstmctl model list`, or to those that it was "
	"started\n"
	"with. It must allow changes over MQTT ([daemon] changes = on).\n"
	"\n"
	"  --instance NAME       the daemon's instance (main)\n"
	"  --base TOPIC          its base topic (xlstm)\n"
	"  --detector NAME       of whose own weights, where NAME does not say it\n" LINK_HELP
	"  -h, --help            print this\n";

struct restore {
	struct link_options link;
	const char *name, *instance, *base, *detector;
};

static int64_t now_ms(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* BASE/INSTANCE/KIND/restore_model */
static void write_topic(const struct restore *restore, struct span kind, struct text *to) {
	wire_write_instance_topic(to, span_text(restore->base), span_text(restore->instance), kind);
	text_add(to, SPAN("/restore_model"));
}

static int subscribe(const struct restore *restore, struct link *link) {
	struct text topic = { 0 };

	write_topic(restore, SPAN("response"), &topic);
	text_add_char(&topic, '\0');
	int r = text_failed(&topic) ? -ENOMEM : mqtt_subscribe(link->mqtt, topic.data, 1);
	text_finish(&topic);
	return r;
}

static int ask(const struct restore *restore, struct link *link) {
	struct text topic = { 0 }, payload = { 0 };

	write_topic(restore, SPAN("request"), &topic);
	text_add(&payload, SPAN("{\"name\":"));
	text_add_json_string(&payload, span_text(restore->name));
	if (restore->detector) {
		text_add(&payload, SPAN(",\"detector\":"));
		text_add_json_string(&payload, span_text(restore->detector));
	}
	text_add_char(&payload, '}');
	struct mail mail = { .kind = MAIL_MESSAGE,
		.qos = 1,
		.topic = text_span(&topic),
		.payload = text_span(&payload) };
	bool failed = text_failed(&topic) || text_failed(&payload);
	int r = failed ? -ENOMEM : mqtt_send(link->mqtt, &mail);
	text_finish(&topic);
	text_finish(&payload);
	return r;
}

/* What the daemon has answered. */
static int judge(struct span payload) {
	json_t *answer = json_loadb(payload.data, payload.length, 0, NULL);
	const char *status = json_string_value(json_object_get(answer, "status"));
	const char *message = json_string_value(json_object_get(answer, "message"));
	bool ok = status && strcmp(status, "ok") == 0;

	if (!ok)
		fprintf(stderr, "xlstmctl: the daemon refuses: %s\n", message ? message : "?");
	json_decref(answer);
	return ok ? VERB_OK : VERB_FAILED;
}

/* Asks once there is a connection, and waits for the answer. */
static int converse(const struct restore *restore, struct link *link) {
	int64_t deadline = now_ms() + ANSWER_MS;
	struct mail mail;
	bool asked = false, connected = false;

	while (now_ms() < deadline) {
		while (link_next(link, &mail)) {
			if (mail.kind == MAIL_MESSAGE)
				return judge(mail.payload);
			connected = mail.kind == MAIL_CONNECTED;
		}
		int64_t wait = link_tend(link);
		if (connected && !asked) {
			asked = ask(restore, link) == 0;
			continue;
		}
		link_wait(link, wait < deadline - now_ms() ? wait : deadline - now_ms());
	}
	fprintf(stderr, "xlstmctl: %s\n", asked ? "no daemon answers" : "no broker answers");
	return VERB_FAILED;
}

static int restore_model(const struct restore *restore) {
	struct link link;
	int status = VERB_FAILED;

	if (link_open(&link, &restore->link) < 0)
		return VERB_FAILED;
	int r = subscribe(restore, &link);
	if (r < 0)
		fprintf(stderr, "xlstmctl: %s\n", error_text(r));
	else
		status = converse(restore, &link);
	link_close(&link, CLOSE_MS);
	return status;
}

static int usage_error(const char *problem, const char *what) {
	fprintf(stderr, "xlstmctl model restore: %s%s; see xlstmctl model restore --help\n",
		problem, what);
	return VERB_USAGE;
}

int model_restore_run(int argc, char **argv) {
	static const struct option options[] = {
		LINK_LONG_OPTIONS,
		{ "instance", required_argument, NULL, 'i' },
		{ "base", required_argument, NULL, 'b' },
		{ "detector", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct restore restore = { .instance = "main", .base = "xlstm" };
	int option;

	link_options_init(&restore.link);
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (link_option(&restore.link, option, optarg))
			continue;
		switch (option) {
		case 'i': restore.instance = optarg; break;
		case 'b': restore.base = optarg; break;
		case 'd': restore.detector = optarg; break;
		case 'h': fputs(usage, stdout); return VERB_OK;
		default: return usage_error("wrong option: ", argv[optind - 1]);
		}
	}
	if (optind + 1 != argc)
		return usage_error("expected the name of one version", "");
	restore.name = argv[optind];
	return restore_model(&restore);
}
