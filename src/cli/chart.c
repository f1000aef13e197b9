/* SPDX-License-Identifier: Apache-2.0 */
#include "chart.h"

#include "axis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Rows above the plot: title, outlook, air. Below: axis, its labels, legend. */
#define ROWS_ABOVE 3
#define ROWS_BELOW 3

/* Columns that a time's label takes with some air, and rows between values' labels. */
#define TIME_COLUMNS 12
#define VALUE_ROWS   3

/* Columns between words of the title. */
#define WORD_GAP 3

/* Air above and below the values, in parts of their range. */
#define AIR 0.06

/* The part of the past that is always there, in horizons, so that a fresh series has room. */
#define REACH_MIN 0.35

/* The plot's place on the canvas and what it shows. */
struct plot {
	struct canvas *canvas;
	const struct chart *chart;
	int left, top, width, height; /* cells */
	int64_t start_ms, end_ms;
	double low, high;
	double value_step;
};

/* ---- Scales ---- */

static int64_t span_of_forecast(const struct chart *chart) {
	return (int64_t)chart->horizon * chart->step_ms;
}

static void scale_times(struct plot *plot) {
	const struct chart *chart = plot->chart;
	int64_t ahead = span_of_forecast(chart);
	int64_t reach = (int64_t)((double)ahead * chart->reach);
	int64_t least = (int64_t)((double)ahead * REACH_MIN);
	int64_t known = chart->history_count > 0 ? chart->issued_ms - chart->history[0].time_ms : 0;

	if (known < reach)
		reach = known > least ? known : least;
	plot->start_ms = chart->issued_ms - reach;
	plot->end_ms = chart->issued_ms + ahead;
}

static void include(struct plot *plot, double value) {
	if (!isfinite(value))
		return;
	if (!(plot->low <= value))
		plot->low = value;
	if (!(plot->high >= value))
		plot->high = value;
}

static void scale_values(struct plot *plot) {
	const struct chart *chart = plot->chart;

	plot->low = plot->high = NAN;
	for (size_t i = 0; i < chart->history_count; i++) {
		const struct chart_point *point = &chart->history[i];
		if (point->time_ms < plot->start_ms)
			continue;
		include(plot, point->value);
		include(plot, point->low);
		include(plot, point->high);
	}
	for (size_t i = 0; i < QUANTILES * chart->horizon; i++)
		include(plot, (double)chart->quantiles[i]);

	if (isnan(plot->low))
		plot->low = plot->high = 0;
	double air = AIR * (plot->high - plot->low);
	if (!(air > fabs(plot->high) * 1e-9))
		air = fabs(plot->high) * 0.1 + (plot->high == 0);
	plot->low -= air;
	plot->high += air;
	int ticks = plot->height / VALUE_ROWS;
	plot->value_step = axis_value_step(plot->high - plot->low, ticks > 2 ? ticks : 2);
}

/* The dot that a part (0 to 1) of so many dots falls on. */
static int dot_of(double part, int dots) {
	double dot = floor(part * dots);

	/* Also takes a NAN, as an infinite range makes it, to 0. */
	if (!(dot > 0))
		return 0;
	return dot < dots ? (int)dot : dots - 1;
}

/* Dots from the canvas's left for a time, and from its top for a value. */
static int dot_x(const struct plot *plot, double time_ms) {
	double part = (time_ms - (double)plot->start_ms) / (double)(plot->end_ms - plot->start_ms);

	return plot->left * DOTS_ACROSS + dot_of(part, plot->width * DOTS_ACROSS);
}

static int dot_y(const struct plot *plot, double value) {
	double part = (plot->high - value) / (plot->high - plot->low);

	return plot->top * DOTS_DOWN + dot_of(part, plot->height * DOTS_DOWN);
}

/* ---- Bands ---- */

/* Edges of nested bands, from the outermost: below edges[0] and above edges[2 * bands - 1] there is
 * nothing. */
struct bands {
	size_t count;
	double edges[QUANTILES];
	enum shade shade; /* of the outermost; the inner ones follow */
};

static double between(double from, double to, double part) {
	return from + (to - from) * part;
}

/* The fan at a time after the forecast was made. It opens from the observed value. */
static struct bands fan_at(const struct chart *chart, double time_ms) {
	struct bands bands = { .count = QUANTILES / 2, .shade = SHADE_80 };
	double steps = (time_ms - (double)chart->issued_ms) / (double)chart->step_ms;
	size_t next = (size_t)steps;
	double part = steps - (double)next;
	size_t edge = 0;

	if (next >= chart->horizon) {
		next = chart->horizon - 1;
		part = 1;
	}
	for (size_t q = 0; q < QUANTILES; q++) {
		const float *row = &chart->quantiles[q * chart->horizon];
		double from = next > 0 ? (double)row[next - 1] : chart->observed;
		if (isnan(from))
			from = (double)row[0];
		if (q != QUANTILE_MEDIAN)
			bands.edges[edge++] = between(from, (double)row[next], part);
	}
	return bands;
}

/* What had been predicted for the observations around a time. */
static struct bands past_at(const struct chart *chart, double time_ms) {
	struct bands bands = { .count = 0, .shade = SHADE_PAST };

	for (size_t i = 1; i < chart->history_count; i++) {
		const struct chart_point *from = &chart->history[i - 1], *to = &chart->history[i];
		if ((double)to->time_ms < time_ms || (double)from->time_ms > time_ms)
			continue;
		double part =
			(time_ms - (double)from->time_ms) / (double)(to->time_ms - from->time_ms);
		bands.edges[0] = between(from->low, to->low, part);
		bands.edges[1] = between(from->high, to->high, part);
		bands.count = !isnan(bands.edges[0] + bands.edges[1]);
		break;
	}
	return bands;
}

static enum shade shade_at(const struct bands *bands, double value) {
	size_t edges = 2 * bands->count;
	size_t below = 0, above = 0;

	for (size_t i = 0; i < edges; i++) {
		below += bands->edges[i] <= value;
		above += bands->edges[i] > value;
	}
	size_t depth = below < above ? below : above;
	return depth == 0 ? SHADE_NONE : (enum shade)(bands->shade + depth - 1);
}

static void draw_column(struct plot *plot, int column, const struct bands *bands) {
	double eighth = (plot->high - plot->low) / (plot->height * EIGHTHS);

	for (int row = 0; row < plot->height; row++) {
		enum shade eighths[EIGHTHS];
		double bottom = plot->high - (row + 1) * EIGHTHS * eighth;
		for (int i = 0; i < EIGHTHS; i++)
			eighths[i] = shade_at(bands, bottom + (i + 0.5) * eighth);
		canvas_ground(plot->canvas, plot->left + column, plot->top + row, eighths);
	}
}

static void draw_bands(struct plot *plot) {
	double width = (double)(plot->end_ms - plot->start_ms) / plot->width;

	for (int column = 0; column < plot->width; column++) {
		double time_ms = (double)plot->start_ms + (column + 0.5) * width;
		struct bands bands = time_ms < (double)plot->chart->issued_ms
					     ? past_at(plot->chart, time_ms)
					     : fan_at(plot->chart, time_ms);
		draw_column(plot, column, &bands);
	}
}

/* ---- Lines ---- */

static void draw_stretch(
	struct plot *plot, double from_ms, double from, double to_ms, double to, enum ink ink) {
	if (isnan(from) || isnan(to) || to_ms < (double)plot->start_ms)
		return;
	/* What begins before the plot is cut at its edge. */
	if (from_ms < (double)plot->start_ms) {
		double part = ((double)plot->start_ms - from_ms) / (to_ms - from_ms);
		from = between(from, to, part);
		from_ms = (double)plot->start_ms;
	}
	canvas_line(plot->canvas, dot_x(plot, from_ms), dot_y(plot, from), dot_x(plot, to_ms),
		dot_y(plot, to), ink);
}

static void draw_median(struct plot *plot) {
	const struct chart *chart = plot->chart;
	const float *median = &chart->quantiles[QUANTILE_MEDIAN * chart->horizon];
	double from_ms = (double)chart->issued_ms;
	double from = chart->observed;

	for (size_t i = 0; i < chart->horizon; i++) {
		double to_ms = from_ms + (double)chart->step_ms;
		draw_stretch(plot, from_ms, from, to_ms, (double)median[i], INK_MEDIAN);
		from_ms = to_ms;
		from = (double)median[i];
	}
}

static void draw_history(struct plot *plot) {
	const struct chart *chart = plot->chart;

	for (size_t i = 0; i < chart->history_count; i++) {
		const struct chart_point *to = &chart->history[i];
		const struct chart_point *from = i > 0 ? to - 1 : to;
		draw_stretch(plot, (double)from->time_ms, from->value, (double)to->time_ms,
			to->value, INK_HISTORY);
	}
}

static void draw_anomalies(struct plot *plot) {
	const struct chart *chart = plot->chart;

	for (size_t i = 0; i < chart->history_count; i++) {
		const struct chart_point *point = &chart->history[i];
		if (!point->anomalous || isnan(point->value) || point->time_ms < plot->start_ms)
			continue;
		canvas_text(plot->canvas, dot_x(plot, (double)point->time_ms) / DOTS_ACROSS,
			dot_y(plot, point->value) / DOTS_DOWN, INK_ALARM, "●");
	}
}

/* ---- Axes ---- */

static void draw_grid_row(struct plot *plot, int row) {
	for (int column = 0; column < plot->width; column++) {
		if (canvas_is_empty(plot->canvas, plot->left + column, row))
			canvas_text(plot->canvas, plot->left + column, row, INK_GRID, "┈");
	}
}

static void draw_value_axis(struct plot *plot) {
	double step = plot->value_step;
	char label[AXIS_LABEL_MAX];

	for (int row = 0; row < plot->height; row++)
		canvas_text(plot->canvas, plot->left - 1, plot->top + row, INK_GRID, "│");
	for (double k = ceil(plot->low / step); k * step <= plot->high; k++) {
		int row = dot_y(plot, k * step) / DOTS_DOWN;
		axis_value_label(label, k * step, step);
		canvas_text(
			plot->canvas, plot->left - 2 - canvas_width(label), row, INK_FAINT, label);
		canvas_text(plot->canvas, plot->left - 1, row, INK_GRID, "┤");
		draw_grid_row(plot, row);
	}
}

static void draw_now(struct plot *plot) {
	int column = dot_x(plot, (double)plot->chart->issued_ms) / DOTS_ACROSS;

	for (int row = plot->top; row < plot->top + plot->height; row++)
		canvas_text(plot->canvas, column, row, INK_FAINT, "┊");
}

static void draw_time_axis(struct plot *plot) {
	int64_t step = axis_time_step(plot->end_ms - plot->start_ms, plot->width / TIME_COLUMNS);
	int row = plot->top + plot->height;
	char label[AXIS_LABEL_MAX];

	canvas_text(plot->canvas, plot->left - 1, row, INK_GRID, "└");
	for (int column = 0; column < plot->width; column++)
		canvas_text(plot->canvas, plot->left + column, row, INK_GRID, "─");
	for (int64_t time_ms = axis_time_first(plot->start_ms, step); time_ms <= plot->end_ms;
		time_ms += step) {
		int column = dot_x(plot, (double)time_ms) / DOTS_ACROSS;
		axis_time_label(label, time_ms, step);
		canvas_text(plot->canvas, column, row, INK_GRID, "┬");
		canvas_text(
			plot->canvas, column - canvas_width(label) / 2, row + 1, INK_FAINT, label);
	}
}

/* Columns that the values' labels and the axis take. */
static int value_columns(const struct plot *plot) {
	char label[AXIS_LABEL_MAX];
	int widest = 0;

	for (double k = ceil(plot->low / plot->value_step); k * plot->value_step <= plot->high;
		k++) {
		axis_value_label(label, k * plot->value_step, plot->value_step);
		int width = canvas_width(label);
		widest = width > widest ? width : widest;
	}
	return widest + 3;
}

/* ---- Words ---- */

/* Writes leftwards from the column, and leaves room for the next word. */
static void draw_right(
	struct canvas *canvas, int *column, int row, enum ink ink, const char *text) {
	*column -= canvas_width(text);
	canvas_text(canvas, *column, row, ink, text);
	*column -= WORD_GAP;
}

static enum ink ink_of_status(const char *status) {
	if (strcmp(status, "ok") == 0)
		return INK_GOOD;
	return strcmp(status, "warming") == 0 ? INK_WAITING : INK_FAINT;
}

/* From the right: "● ok   skill +41%   anomaly 0.30   base-3". */
static int draw_health(const struct chart *chart, struct canvas *canvas, int column) {
	char text[64];

	if (chart->model[0])
		draw_right(canvas, &column, 0, INK_FAINT, chart->model);
	if (!isnan(chart->anomaly)) {
		bool alarm = chart->anomaly > 1;
		snprintf(text, sizeof(text), "anomaly %.2f", chart->anomaly);
		draw_right(canvas, &column, 0, alarm ? INK_ALARM : INK_FAINT, text);
	}
	if (!isnan(chart->skill)) {
		snprintf(text, sizeof(text), "skill %+.0f%%", 100 * chart->skill);
		draw_right(canvas, &column, 0, chart->skill > 0 ? INK_GOOD : INK_WAITING, text);
	}
	snprintf(text, sizeof(text), "● %s", chart->status);
	draw_right(canvas, &column, 0, ink_of_status(chart->status), text);
	return column;
}

static void draw_title(const struct chart *chart, struct canvas *canvas) {
	char value[AXIS_LABEL_MAX] = "–", text[128];

	int right = draw_health(chart, canvas, canvas->columns - 1);
	if (!isnan(chart->observed))
		axis_number(value, chart->observed);
	snprintf(text, sizeof(text), "   %s %s", value, chart->unit);
	int end = canvas_text(canvas, 1, 0, INK_STRONG, chart->series);
	if (end + canvas_width(text) < right)
		canvas_text(canvas, end, 0, INK_HISTORY, text);
}

static void write_duration(char *to, size_t size, int64_t ms) {
	if (ms % 86400000 == 0)
		snprintf(to, size, "%lld d", (long long)(ms / 86400000));
	else if (ms % 3600000 == 0)
		snprintf(to, size, "%lld h", (long long)(ms / 3600000));
	else if (ms % 60000 == 0)
		snprintf(to, size, "%lld min", (long long)(ms / 60000));
	else
		snprintf(to, size, "%.4g s", (double)ms / 1000);
}

/* "in 24 min 4.51 (80%: 3.94 … 5.02)", for the first step and the last. */
static int draw_outlook(const struct chart *chart, struct canvas *canvas, int column, size_t step) {
	char when[32], median[AXIS_LABEL_MAX], low[AXIS_LABEL_MAX], high[AXIS_LABEL_MAX];
	char text[192];

	write_duration(when, sizeof(when), (int64_t)(step + 1) * chart->step_ms);
	axis_number(low, (double)chart->quantiles[step]);
	axis_number(median, (double)chart->quantiles[QUANTILE_MEDIAN * chart->horizon + step]);
	axis_number(high, (double)chart->quantiles[(QUANTILES - 1) * chart->horizon + step]);
	snprintf(text, sizeof(text), "in %s ", when);
	column = canvas_text(canvas, column, 1, INK_FAINT, text);
	column = canvas_text(canvas, column, 1, INK_MEDIAN, median);
	snprintf(text, sizeof(text), "  80%%: %s … %s", low, high);
	return canvas_text(canvas, column, 1, INK_FAINT, text);
}

static void draw_legend(const struct chart *chart, struct canvas *canvas, int left) {
	static const struct {
		const char *text;
		enum ink ink;
	} words[] = {
		{ "── observed", INK_HISTORY },
		{ "── median", INK_MEDIAN },
	};
	static const enum shade fan[] = { SHADE_80, SHADE_60, SHADE_40, SHADE_20, SHADE_40,
		SHADE_60, SHADE_80 };
	int row = canvas->rows - 1;
	int column = left;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		column = canvas_text(canvas, column, row, words[i].ink, words[i].text) + 2;
	for (size_t i = 0; i < sizeof(fan) / sizeof(fan[0]); i++) {
		enum shade eighths[EIGHTHS];
		for (int k = 0; k < EIGHTHS; k++)
			eighths[k] = fan[i];
		canvas_ground(canvas, column++, row, eighths);
	}
	column = canvas_text(canvas, column + 1, row, INK_FAINT, "80%");

	int right = canvas->columns - 1;
	if (chart->hint && right - canvas_width(chart->hint) > column)
		draw_right(canvas, &right, row, INK_FAINT, chart->hint);
}

static void draw_plot(const struct chart *chart, struct canvas *canvas) {
	struct plot plot = {
		.canvas = canvas,
		.chart = chart,
		.top = ROWS_ABOVE,
		.height = canvas->rows - ROWS_ABOVE - ROWS_BELOW,
	};

	scale_times(&plot);
	scale_values(&plot);
	plot.left = value_columns(&plot);
	plot.width = canvas->columns - plot.left - 1;
	draw_bands(&plot);
	draw_value_axis(&plot);
	draw_now(&plot);
	draw_history(&plot);
	draw_median(&plot);
	draw_anomalies(&plot);
	draw_time_axis(&plot);
	draw_legend(chart, canvas, plot.left);
}

void chart_draw(const struct chart *chart, struct canvas *canvas) {
	if (canvas->columns < CHART_COLUMNS_MIN || canvas->rows < CHART_ROWS_MIN) {
		canvas_text(canvas, 0, 0, INK_FAINT, "more room, please");
		return;
	}
	draw_title(chart, canvas);
	if (chart->horizon == 0) {
		canvas_text(canvas, 1, 2, INK_FAINT, "waiting for a forecast");
		return;
	}

	int column = draw_outlook(chart, canvas, 1, 0);
	if (column < canvas->columns / 2 && chart->horizon > 1)
		draw_outlook(chart, canvas, column + 4, chart->horizon - 1);
	draw_plot(chart, canvas);
}
