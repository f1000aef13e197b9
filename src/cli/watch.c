/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "gallery.h"
#include "link.h"
#include "now.h"
#include "terminal.h"
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A picture is not drawn more often than this; forecasts may come faster. */
#define FRAME_MS 50

/* How much of the past is shown, in horizons, and how far the keys + and - go. */
#define REACH     2.0
#define REACH_MIN 0.5
#define REACH_MAX 16.0

/* How long --once waits for a forecast. */
#define ONCE_MS 10000

#define CLOSE_MS 1000

struct watch_options {
	struct link_options link;
	const char *topic; /* base */
	const char *series; /* NULL: all */
	const char *file; /* read forecasts from here instead of a broker */
	int columns, rows; /* of --frame; 0: not given */
	bool once;
	bool json;
};

struct watch {
	struct watch_options options;
	struct gallery gallery;
	struct canvas_style style;
	int shown; /* index of the series in the picture, -1: none yet */
	double reach;
	char trouble[160]; /* with the broker; empty: none */
};

static void print_help(void) {
	fputs("Usage: xlstmctl watch [OPTION...] [SERIES]\n\n"
	      "Draws the forecasts of a series, or of all by turns, as they arrive: a fan chart on "
	      "a\n"
	      "terminal, a line for each forecast in a pipe.\n\n"
	      "Keys: tab or arrows change the series, + and - show less or more of the past, q "
	      "quits.\n\n"
	      "  --topic BASE          base topic of the daemon (xlstm)\n"
	      "  --frame COLUMNSxROWS  print a picture of this size instead of taking the "
	      "terminal\n"
	      "  --once                end after the first forecast, or after ten seconds without\n"
	      "  --read FILE           take forecasts from a file, one JSON each line; - is "
	      "standard\n"
	      "                        input\n"
	      "  --json                print forecasts as they came\n"
	      "  --help                this text\n\n" LINK_HELP,
		stdout);
}

/* ---- Taking forecasts in ---- */

/* True for the index of a series that the user asked for. */
static bool wanted(const struct watch *watch, int index) {
	return !watch->options.series ||
	       strcmp(watch->gallery.exhibits[index]->forecast.series, watch->options.series) == 0;
}

static void print_forecast(struct watch *watch, int index, struct span json) {
	struct text line = { 0 };

	if (watch->options.json) {
		text_add(&line, json);
		text_add_char(&line, '\n');
	} else {
		forecast_view_line(&watch->gallery.exhibits[index]->forecast, &line);
	}
	if (!text_failed(&line))
		fwrite(line.data, 1, line.length, stdout);
	text_finish(&line);
}

/* Returns the index of its series, or -1 if it is none that we look for. */
static int take(struct watch *watch, struct span json) {
	int index = gallery_add(&watch->gallery, json);

	if (index < 0 || !wanted(watch, index))
		return -1;
	if (watch->shown < 0)
		watch->shown = index;
	return index;
}

static void note_news(struct watch *watch, const struct mail *mail) {
	const char *what = mail->kind == MAIL_LOST ? "lost the broker" : "no broker";

	if (mail->kind == MAIL_FILTER_REFUSED)
		what = "refused";
	if (mail->kind == MAIL_CONNECTED)
		watch->trouble[0] = '\0';
	else
		snprintf(watch->trouble, sizeof(watch->trouble), "%s: %.*s", what,
			SPAN_PRINT(mail->payload));
}

/* ---- Pictures ---- */

static int draw(const struct watch *watch, int columns, int rows, struct canvas *ret_canvas) {
	struct chart chart = { .series = "",
		.unit = "",
		.model = "",
		.status = "waiting",
		.observed = NAN,
		.anomaly = NAN,
		.skill = NAN };
	char hint[192] = "tab next   +/- zoom   q quit";

	int r = canvas_init(ret_canvas, columns, rows);
	if (r < 0)
		return r;
	if (watch->shown >= 0)
		chart = gallery_chart(&watch->gallery, (size_t)watch->shown, watch->reach);
	else
		chart.series = watch->options.series ? watch->options.series : "xlstm";
	if (watch->trouble[0])
		snprintf(hint, sizeof(hint), "%s", watch->trouble);
	else if (watch->gallery.count > 1 && !watch->options.series)
		snprintf(hint, sizeof(hint), "%d of %zu   tab next   +/- zoom   q quit",
			watch->shown + 1, watch->gallery.count);
	chart.hint = hint;
	chart_draw(&chart, ret_canvas);
	return 0;
}

/* The picture of --frame, on standard output. */
static int print_frame(const struct watch *watch) {
	struct canvas_style style = watch->style;
	struct text text = { 0 };
	struct canvas canvas;
	int columns = watch->options.columns, rows = watch->options.rows;

	if (columns == 0)
		terminal_size(&columns, &rows);
	int r = draw(watch, columns, rows, &canvas);
	if (r < 0)
		return r;

	canvas_write(&canvas, &style, &text);
	text_add_char(&text, '\n');
	if (text_failed(&text))
		r = -ENOMEM;
	else
		fwrite(text.data, 1, text.length, stdout);
	text_finish(&text);
	canvas_finish(&canvas);
	return r;
}

/* ---- From a file ---- */

static bool shows_pictures(const struct watch *watch) {
	return !watch->options.json && (watch->options.columns > 0 || isatty(STDOUT_FILENO));
}

static int read_forecasts(struct watch *watch, FILE *file) {
	char *line = NULL;
	size_t capacity = 0;
	int taken = 0;

	for (ssize_t length; (length = getline(&line, &capacity, file)) > 0;) {
		struct span json = span_trim(span_of(line, (size_t)length));
		int index = take(watch, json);
		taken += index >= 0;
		if (index >= 0 && !shows_pictures(watch))
			print_forecast(watch, index, json);
	}
	free(line);
	return ferror(file) ? -EIO : taken;
}

static int watch_file(struct watch *watch) {
	bool standard = strcmp(watch->options.file, "-") == 0;
	FILE *file = standard ? stdin : fopen(watch->options.file, "re");
	if (!file) {
		fprintf(stderr, "xlstmctl: %s: %s\n", watch->options.file, strerror(errno));
		return VERB_FAILED;
	}

	int r = read_forecasts(watch, file);
	if (!standard)
		fclose(file);
	if (r == 0) {
		fprintf(stderr, "xlstmctl: %s: no forecast in it\n", watch->options.file);
		return VERB_FAILED;
	}
	if (r > 0 && shows_pictures(watch))
		r = print_frame(watch);
	if (r < 0)
		fprintf(stderr, "xlstmctl: %s: %s\n", watch->options.file, error_text(r));
	return r < 0 ? VERB_FAILED : VERB_OK;
}

/* ---- From a broker ---- */

static int subscribe(struct watch *watch, struct link *link) {
	struct text filter = { 0 };
	const char *series = watch->options.series;

	text_add_format(&filter, "%s/forecast/%s", watch->options.topic, series ? series : "#");
	text_add_char(&filter, '\0');
	int r = text_failed(&filter) ? -ENOMEM : mqtt_subscribe(link->mqtt, filter.data, 0);
	text_finish(&filter);
	return r;
}

/* Takes all mail in; true if a forecast that we look for was among it. With `print` each is
 * printed. */
static bool take_mail(struct watch *watch, struct link *link, bool print) {
	struct mail mail;
	bool news = false;

	while (link_next(link, &mail)) {
		if (mail.kind != MAIL_MESSAGE) {
			note_news(watch, &mail);
			if (watch->trouble[0] && print)
				fprintf(stderr, "xlstmctl: %s\n", watch->trouble);
			continue;
		}
		int index = take(watch, mail.payload);
		news = news || index >= 0;
		if (index >= 0 && print)
			print_forecast(watch, index, mail.payload);
		if (news && watch->options.once)
			break;
	}
	return news;
}

static int64_t shorter(int64_t a, int64_t b) {
	return a < b ? a : b;
}

/* Without a terminal: lines, or the one picture of --frame. */
static int follow(struct watch *watch, struct link *link) {
	bool pictures = shows_pictures(watch);
	bool once = watch->options.once || pictures;
	int64_t deadline = once ? monotonic_ms() + ONCE_MS : INT64_MAX;

	while (monotonic_ms() < deadline) {
		if (take_mail(watch, link, !pictures)) {
			fflush(stdout);
			if (ferror(stdout))
				return VERB_FAILED;
			if (once)
				return pictures && print_frame(watch) < 0 ? VERB_FAILED : VERB_OK;
		}
		link_wait(link, shorter(link_tend(link), deadline - monotonic_ms()));
	}
	fprintf(stderr, "xlstmctl: %s\n", watch->trouble[0] ? watch->trouble : "no forecast came");
	return VERB_FAILED;
}

/* The next series in the order of their appearance, or the one before. */
static void turn(struct watch *watch, int by) {
	int count = (int)watch->gallery.count;

	if (count > 0 && watch->shown >= 0 && !watch->options.series)
		watch->shown = (watch->shown + count + by) % count;
}

/* False: the user has had enough. */
static bool obey(struct watch *watch, enum key key) {
	switch (key) {
	case KEY_QUIT: return false;
	case KEY_NEXT: turn(watch, 1); break;
	case KEY_PREVIOUS: turn(watch, -1); break;
	case KEY_CLOSER: watch->reach = fmax(watch->reach / 2, REACH_MIN); break;
	case KEY_FARTHER: watch->reach = fmin(watch->reach * 2, REACH_MAX); break;
	case KEY_NONE:
	case KEY_RESIZE: break;
	}
	return true;
}

static int show(const struct watch *watch) {
	struct canvas canvas;
	int columns, rows;

	terminal_size(&columns, &rows);
	int r = draw(watch, columns, rows, &canvas);
	if (r < 0)
		return r;
	r = terminal_show(&canvas, &watch->style);
	canvas_finish(&canvas);
	return r;
}

/* On a terminal, until the user has had enough. */
static int perform(struct watch *watch, struct link *link, struct terminal *terminal) {
	int64_t next_frame = 0;
	bool changed = true;
	enum key key;

	do {
		bool troubled = watch->trouble[0];
		changed |= take_mail(watch, link, false) || troubled != (watch->trouble[0] != '\0');
		/* After the mail: news makes the connection want tending at once. */
		int64_t wait = link_tend(link);
		int64_t now = monotonic_ms();
		if (changed && now >= next_frame) {
			if (show(watch) < 0)
				return VERB_FAILED;
			changed = false;
			next_frame = now + FRAME_MS;
		}
		if (changed)
			wait = shorter(wait, next_frame - now);
		key = terminal_wait(terminal, link->fd, wait > INT32_MAX ? -1 : (int)wait);
		changed |= key != KEY_NONE;
	} while (obey(watch, key));
	return VERB_OK;
}

static int watch_broker(struct watch *watch) {
	bool live = shows_pictures(watch) && watch->options.columns == 0 && !watch->options.once &&
		    isatty(STDIN_FILENO);
	struct terminal terminal = { .taken = false };
	struct link link;
	int status = VERB_FAILED;

	if (link_open(&link, &watch->options.link) < 0)
		return VERB_FAILED;
	int r = subscribe(watch, &link);
	if (r == 0 && live)
		r = terminal_take(&terminal);
	if (r < 0)
		fprintf(stderr, "xlstmctl: %s\n", error_text(r));
	else
		status = live ? perform(watch, &link, &terminal) : follow(watch, &link);
	terminal_release(&terminal);
	link_close(&link, CLOSE_MS);
	return status;
}

/* ---- Options ---- */

static bool read_frame(const char *text, struct watch_options *options) {
	char rest;

	return sscanf(text, "%dx%d%c", &options->columns, &options->rows, &rest) == 2 &&
	       options->columns > 0 && options->columns <= 1000 && options->rows > 0 &&
	       options->rows <= 1000;
}

enum {
	OPTION_TOPIC = 0x200,
	OPTION_FRAME,
	OPTION_ONCE,
	OPTION_READ,
	OPTION_JSON,
	OPTION_HELP,
};

static const struct option long_options[] = {
	LINK_LONG_OPTIONS,
	{ "topic", required_argument, NULL, OPTION_TOPIC },
	{ "frame", required_argument, NULL, OPTION_FRAME },
	{ "once", no_argument, NULL, OPTION_ONCE },
	{ "read", required_argument, NULL, OPTION_READ },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ 0 },
};

/* VERB_OK, VERB_USAGE, or -1 if help was asked for. */
static int read_options(int argc, char **argv, struct watch_options *options) {
	optind = 1;
	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (link_option(&options->link, option, optarg))
			continue;
		switch (option) {
		case OPTION_TOPIC: options->topic = optarg; break;
		case OPTION_ONCE: options->once = true; break;
		case OPTION_READ: options->file = optarg; break;
		case OPTION_JSON: options->json = true; break;
		case OPTION_HELP: return -1;
		case OPTION_FRAME:
			if (read_frame(optarg, options))
				break;
			fprintf(stderr, "xlstmctl: --frame: not COLUMNSxROWS: %s\n", optarg);
			return VERB_USAGE;
		default: fputs("See xlstmctl watch --help.\n", stderr); return VERB_USAGE;
		}
	}
	if (argc - optind > 1) {
		fputs("xlstmctl: watch takes one series at the most\n", stderr);
		return VERB_USAGE;
	}
	options->series = argv[optind];
	return VERB_OK;
}

int watch_run(int argc, char **argv) {
	struct watch watch = {
		.options = { .topic = "xlstm" },
		.style = terminal_style(),
		.shown = -1,
		.reach = REACH,
	};

	link_options_init(&watch.options.link);
	int r = read_options(argc, argv, &watch.options);
	if (r < 0) {
		print_help();
		return VERB_OK;
	}
	if (r != VERB_OK)
		return r;
	if (gallery_init(&watch.gallery) < 0) {
		fputs("xlstmctl: out of memory\n", stderr);
		return VERB_FAILED;
	}

	int status = watch.options.file ? watch_file(&watch) : watch_broker(&watch);
	gallery_finish(&watch.gallery);
	return status;
}
