/* SPDX-License-Identifier: Apache-2.0 */
#include "train_report.h"

#include "text.h"

#include <errno.h>

static const char *const part_names[HELD_OUT_PARTS] = {
	[HELD_OUT_YOUNG] = "young",
	[HELD_OUT_LATER] = "later",
};

static double mean(double sum, double count) {
	return count > 0 ? sum / count : NAN;
}

static void add_loss(struct text *json, const char *name, struct held_out_loss loss) {
	text_add_format(json, ",\"%s\":{\"loss\":", name);
	text_add_json_number(json, mean(loss.network, loss.count));
	text_add_format(json, ",\"closed\":");
	text_add_json_number(json, mean(loss.closed, loss.count));
	text_add_format(json, ",\"ratio\":");
	text_add_json_number(json, mean(loss.network, loss.closed));
	text_add_format(json, ",\"n\":%.0f}", loss.count);
}

static void add_run(struct text *json, const struct train_run *run) {
	text_add_format(json,
		"{\"steps\":%llu,\"skipped\":%llu,\"ticks\":%llu,\"seconds\":%.1f,"
		"\"ticks_per_second\":%.0f,\"loss\":",
		(unsigned long long)run->steps, (unsigned long long)run->skipped,
		(unsigned long long)run->ticks, run->seconds, run->ticks_per_second);
	text_add_json_number(json, run->loss);
}

static void add_all(
	struct text *json, const struct train_run *run, const struct held_out *held_out) {
	add_run(json, run);
	for (int part = 0; part < HELD_OUT_PARTS; part++)
		add_loss(json, part_names[part], held_out_sum(held_out, part));
	text_add_format(json, ",\"leads\":[");
	for (int i = 0; i < NETWORK_LEADS; i++) {
		text_add_format(json, "%s\n{\"lead\":%u", i ? "," : "", network_leads[i]);
		for (int part = 0; part < HELD_OUT_PARTS; part++)
			add_loss(json, part_names[part], held_out->leads[part][i]);
		text_add_char(json, '}');
	}
	text_add_format(json, "]}\n");
}

static int print_json(const struct train_run *run, const struct held_out *held_out, FILE *file) {
	struct text json = { 0 };
	add_all(&json, run, held_out);
	bool failed = text_failed(&json);
	if (!failed)
		fwrite(text_span(&json).data, 1, text_span(&json).length, file);
	text_finish(&json);
	return failed ? -ENOMEM : 0;
}

static void print_loss(struct held_out_loss loss, FILE *file) {
	fprintf(file, "  %8.4f %8.4f %6.3f", mean(loss.network, loss.count),
		mean(loss.closed, loss.count), mean(loss.network, loss.closed));
}

static void print_line(const struct held_out_loss *young, const struct held_out_loss *later,
	const char *name, FILE *file) {
	fprintf(file, "%4s", name);
	print_loss(*young, file);
	print_loss(*later, file);
	fputc('\n', file);
}

static void print_table(const struct train_run *run, const struct held_out *held_out, FILE *file) {
	struct held_out_loss young = held_out_sum(held_out, HELD_OUT_YOUNG);
	struct held_out_loss later = held_out_sum(held_out, HELD_OUT_LATER);
	fprintf(file, "%llu steps, %llu ticks, loss %.4f; this run %.0f s, %.0f ticks/s\n",
		(unsigned long long)run->steps, (unsigned long long)run->ticks, run->loss,
		run->seconds, run->ticks_per_second);
	fprintf(file, "held-out series   young: first two periods         later\n");
	fprintf(file, "lead   network   closed  ratio   network   closed  ratio\n");
	for (int i = 0; i < NETWORK_LEADS; i++) {
		char name[8];
		snprintf(name, sizeof(name), "%u", network_leads[i]);
		print_line(&held_out->leads[HELD_OUT_YOUNG][i], &held_out->leads[HELD_OUT_LATER][i],
			name, file);
	}
	print_line(&young, &later, "all", file);
}

int train_report(
	const struct train_run *run, const struct held_out *held_out, bool json, FILE *file) {
	if (json)
		return print_json(run, held_out, file);
	print_table(run, held_out, file);
	return 0;
}
