/* SPDX-License-Identifier: Apache-2.0 */
#include "pack.h"

#include "layout.h"

#include <stdint.h>
#include <string.h>

static float *take_floats(struct packer *packer, size_t count) {
	float *taken = packer->floats ? packer->floats + packer->float_count : NULL;
	packer->float_count += round_up_to_line(count);
	return taken;
}

static struct panel *take_panels(struct packer *packer, size_t count) {
	struct panel *taken = packer->panels ? packer->panels + packer->panel_count : NULL;
	packer->panel_count += count;
	return taken;
}

/* The columns that any row of a panel uses. */
static void panel_span(
	struct panel *panel, size_t first, size_t rows, packed_row_fn row, const void *context) {
	size_t start = SIZE_MAX, end = 0;
	for (size_t i = 0; i < rows; i++) {
		struct packed_row r = row(context, first + i);
		if (r.start < start)
			start = r.start;
		if (r.start + r.depth > end)
			end = r.start + r.depth;
	}
	panel->start = start;
	panel->depth = end - start;
}

static void panel_fill(float *to, const struct panel *panel, size_t first, size_t rows,
	packed_row_fn row, const void *context) {
	memset(to, 0, panel->depth * PANEL * sizeof(float));
	for (size_t i = 0; i < rows; i++) {
		struct packed_row r = row(context, first + i);
		for (size_t j = 0; j < r.depth; j++)
			to[(r.start - panel->start + j) * PANEL + i] = r.values[j];
	}
}

struct panels pack_rows(
	struct packer *packer, size_t outputs, packed_row_fn row, const void *context) {
	size_t count = (outputs + PANEL - 1) / PANEL;
	struct panel *panels = take_panels(packer, count);

	for (size_t i = 0; i < count; i++) {
		size_t first = i * PANEL;
		size_t rows = outputs - first < PANEL ? outputs - first : PANEL;
		struct panel panel;
		panel_span(&panel, first, rows, row, context);
		float *to = take_floats(packer, panel.depth * PANEL);
		if (!to)
			continue;
		panel_fill(to, &panel, first, rows, row, context);
		panel.values = to;
		panels[i] = panel;
	}
	return (struct panels){ outputs, count, panels };
}

struct dense {
	const float *first, *second;
	size_t outputs_each, inputs;
};

static struct packed_row dense_row(const void *context, size_t output) {
	const struct dense *dense = context;
	const float *matrix = dense->first;
	if (output >= dense->outputs_each) {
		matrix = dense->second;
		output -= dense->outputs_each;
	}
	return (struct packed_row){ matrix + output * dense->inputs, 0, dense->inputs };
}

struct panels pack_dense(
	struct packer *packer, const float *values, size_t outputs, size_t inputs) {
	struct dense dense = { values, NULL, outputs, inputs };
	return pack_rows(packer, outputs, dense_row, &dense);
}

struct panels pack_stacked(struct packer *packer, const float *first, const float *second,
	size_t outputs_each, size_t inputs) {
	struct dense dense = { first, second, outputs_each, inputs };
	return pack_rows(packer, 2 * outputs_each, dense_row, &dense);
}

struct headwise {
	const float *first, *second;
	size_t width, units;
};

static struct packed_row headwise_row(const void *context, size_t output) {
	const struct headwise *headwise = context;
	size_t units = headwise->units, row = output % headwise->width;
	const float *matrix = output < headwise->width ? headwise->first : headwise->second;
	return (struct packed_row){ matrix + row * units, row / units * units, units };
}

struct panels pack_headwise(struct packer *packer, const float *first, const float *second,
	size_t heads, size_t units) {
	struct headwise headwise = { first, second, heads * units, units };
	return pack_rows(packer, 2 * heads * units, headwise_row, &headwise);
}

struct recurrent {
	const float *values;
	size_t gates, heads, units;
};

static struct packed_row recurrent_row(const void *context, size_t output) {
	const struct recurrent *recurrent = context;
	size_t units = recurrent->units, width = recurrent->heads * units;
	size_t gate = output / width, head = output % width / units, unit = output % units;
	size_t row = (head * recurrent->gates + gate) * units + unit;
	return (struct packed_row){ recurrent->values + row * units, head * units, units };
}

struct panels pack_recurrent(
	struct packer *packer, const float *values, size_t gates, size_t heads, size_t units) {
	struct recurrent recurrent = { values, gates, heads, units };
	return pack_rows(packer, gates * heads * units, recurrent_row, &recurrent);
}

const float *pack_transposed(
	struct packer *packer, const float *values, size_t rows, size_t columns) {
	float *to = take_floats(packer, rows * columns);
	for (size_t i = 0; to && i < rows; i++)
		for (size_t j = 0; j < columns; j++)
			to[j * rows + i] = values[i * columns + j];
	return to;
}

const float *pack_joined(
	struct packer *packer, const float *first, const float *second, size_t count) {
	float *to = take_floats(packer, 2 * count);
	if (to) {
		memcpy(to, first, count * sizeof(float));
		memcpy(to + count, second, count * sizeof(float));
	}
	return to;
}

const float *pack_sum(
	struct packer *packer, const float *first, const float *second, size_t count) {
	float *to = take_floats(packer, count);
	for (size_t i = 0; to && i < count; i++)
		to[i] = first[i] + second[i];
	return to;
}

const float *pack_gains(struct packer *packer, const float *gains, size_t count) {
	float *to = take_floats(packer, count);
	for (size_t i = 0; to && i < count; i++)
		to[i] = gains[i] - 1.0f;
	return to;
}
