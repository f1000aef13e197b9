/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_report.h"

#include "row_layout.h"
#include "text.h"

#include <errno.h>
#include <sys/resource.h>

/* Means over the steps 1..h. */
struct result {
	double mse, mae, mse_last, mae_last, mase, pinball, coverage80, coverage80_last, skill;
	double calibrated, calibrated_last; /* shares of the series */
	double expert_mse[EXPERTS], expert_mae[EXPERTS]; /* NAN: never awake */
};

/* Lean rows keep what the experts said at a few leads only, whose mean compares with nothing. */
static bool knows_experts(const struct backtest_options *options, uint32_t horizon) {
	return options->forecast.rows != ROWS_LEAN || horizon <= LEADS_LEAN;
}

static struct result result_of(
	const struct backtest_options *options, const struct scorer *scorer, uint32_t horizon) {
	struct lead_sums sum, lead;
	scorer_sum(scorer, 1, horizon, &sum);
	scorer_sum(scorer, horizon, horizon, &lead);
	struct result result = { .mse = sum.squared / sum.n,
		.mae = sum.absolute / sum.n,
		.mse_last = lead.squared / lead.n,
		.mae_last = lead.absolute / lead.n,
		.mase = sum.scaled / sum.scaled_n,
		.pinball = sum.pinball / sum.n,
		.coverage80 = sum.covered / sum.n,
		.coverage80_last = lead.covered / lead.n,
		.skill = 1 - sum.absolute / sum.persistence,
		.calibrated = scorer_calibrated(scorer, 1, horizon),
		.calibrated_last = scorer_calibrated(scorer, horizon, horizon) };
	for (int e = 0; e < EXPERTS; e++) {
		result.expert_mse[e] = result.expert_mae[e] = NAN;
		if (!knows_experts(options, horizon))
			continue;
		result.expert_mse[e] = sum.expert_squared[e] / sum.expert_n[e];
		result.expert_mae[e] = sum.expert_absolute[e] / sum.expert_n[e];
	}
	return result;
}

/* The closed mix always does, and what sees neighbours where there are any. */
static bool takes_part(const struct backtest_options *options, int e) {
	if (e >= EXPERT_ALONE && !options->forecast.group[0])
		return false;
	return e == EXPERT_CLOSED || (options->forecast.experts >> e & 1);
}

static double peak_rss_mb(void) {
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

static void add_number(struct text *json, const char *name, double value) {
	text_add_format(json, "\"%s\":", name);
	text_add_json_number(json, value);
}

static void add_errors(struct text *json, const char *name, double mse, double mae) {
	text_add_format(json, "\"%s\":{", name);
	if (!isnan(mse)) {
		add_number(json, "mse", mse);
		text_add_char(json, ',');
		add_number(json, "mae", mae);
	}
	text_add_char(json, '}');
}

static void add_horizon(struct text *json, const struct backtest_options *options, uint32_t h,
	struct result result) {
	const struct {
		const char *name;
		double value;
	} figures[] = {
		{ "mse", result.mse },
		{ "mae", result.mae },
		{ "mse_at_h", result.mse_last },
		{ "mae_at_h", result.mae_last },
		{ "mase", result.mase },
		{ "pinball", result.pinball },
		{ "coverage80", result.coverage80 },
		{ "coverage80_at_h", result.coverage80_last },
		{ "calibrated", result.calibrated },
		{ "calibrated_at_h", result.calibrated_last },
		{ "skill", result.skill },
	};

	text_add_format(json, "{\"h\":%u,", h);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		add_number(json, figures[i].name, figures[i].value);
		text_add_char(json, ',');
	}
	add_errors(json, "without_network", result.expert_mse[EXPERT_CLOSED],
		result.expert_mae[EXPERT_CLOSED]);
	text_add(json, SPAN(",\"experts\":{"));
	for (int e = 0, first = 1; e < EXPERTS; e++) {
		if (!takes_part(options, e))
			continue;
		if (!first)
			text_add_char(json, ',');
		first = 0;
		add_errors(json, expert_name((enum expert)e), result.expert_mse[e],
			result.expert_mae[e]);
	}
	text_add(json, SPAN("}}"));
}

static void add_learning(struct text *json, const struct backtest_facts *facts) {
	text_add_format(json, ",\"learning\":{\"adopted\":%llu,\"refused\":%llu,\"undone\":%llu}",
		(unsigned long long)facts->verdicts[VERDICT_ADOPTED],
		(unsigned long long)facts->verdicts[VERDICT_REFUSED],
		(unsigned long long)facts->verdicts[VERDICT_UNDONE]);
}

static int report_json(const struct backtest_options *options, const struct scorer *scorer,
	const struct backtest_facts *facts, FILE *file) {
	struct text json = { 0 };
	text_add(&json, SPAN("{\"file\":"));
	text_add_json_string(&json, span_text(options->file));
	text_add(&json, SPAN(",\"model\":"));
	text_add_json_string(&json, facts->model);
	text_add_format(&json, ",\"rows\":%llu,\"channels\":%zu,\"scored_rows\":%llu,",
		(unsigned long long)scorer_rows(scorer), scorer_series_count(scorer),
		(unsigned long long)scorer_scored_rows(scorer));
	add_number(&json, "seconds", facts->seconds);
	text_add_char(&json, ',');
	add_number(&json, "peak_rss_mb", peak_rss_mb());
	add_learning(&json, facts);
	text_add(&json, SPAN(",\"horizons\":["));
	for (uint32_t i = 0; i < options->horizons_count; i++) {
		uint32_t h = options->horizons[i];
		if (i > 0)
			text_add_char(&json, ',');
		add_horizon(&json, options, h, result_of(options, scorer, h));
	}
	text_add(&json, SPAN("]}\n"));
	bool failed = text_failed(&json);
	if (!failed)
		fwrite(json.data, 1, json.length, file);
	text_finish(&json);
	return failed ? -ENOMEM : 0;
}

/* A number for people, right-aligned; "-" for none. */
static void print_cell(FILE *file, int width, int digits, double value) {
	if (isnan(value))
		fprintf(file, " %*s", width, "-");
	else
		fprintf(file, " %*.*g", width, digits, value);
}

static void print_experts(
	const struct backtest_options *options, const struct scorer *scorer, FILE *file) {
	fputs("\nMSE of each expert alone\n", file);
	for (int e = 0; e < EXPERTS; e++) {
		if (!takes_part(options, e))
			continue;
		fprintf(file, "  %-14s", expert_name((enum expert)e));
		for (uint32_t i = 0; i < options->horizons_count; i++)
			print_cell(file, 11, 5,
				result_of(options, scorer, options->horizons[i]).expert_mse[e]);
		fputc('\n', file);
	}
}

static void print_result(FILE *file, uint32_t h, const struct result *result) {
	fprintf(file, "%7u", h);
	print_cell(file, 11, 5, result->mse);
	print_cell(file, 11, 5, result->mae);
	print_cell(file, 8, 4, result->mase);
	print_cell(file, 11, 5, result->pinball);
	print_cell(file, 11, 4, result->coverage80);
	print_cell(file, 9, 4, result->coverage80_last);
	print_cell(file, 11, 3, result->calibrated);
	print_cell(file, 8, 3, result->skill);
	fputc('\n', file);
}

static void print_learning(const struct backtest_facts *facts, FILE *file) {
	uint64_t attempts = facts->verdicts[VERDICT_ADOPTED] + facts->verdicts[VERDICT_REFUSED];
	fprintf(file, "\n%llu attempts to learn, %llu adopted, %llu of these undone\n",
		(unsigned long long)attempts, (unsigned long long)facts->verdicts[VERDICT_ADOPTED],
		(unsigned long long)facts->verdicts[VERDICT_UNDONE]);
}

static void report_table(const struct backtest_options *options, const struct scorer *scorer,
	const struct backtest_facts *facts, FILE *file) {
	fprintf(file,
		"%s: %llu rows, %zu series, %llu rows scored, network %.*s, %.1f s, %.0f MB\n\n",
		options->file, (unsigned long long)scorer_rows(scorer), scorer_series_count(scorer),
		(unsigned long long)scorer_scored_rows(scorer), SPAN_PRINT(facts->model),
		facts->seconds, peak_rss_mb());
	fprintf(file, "%7s %11s %11s %8s %11s %11s %9s %11s %8s\n", "steps", "MSE", "MAE", "MASE",
		"pinball", "coverage80", "at last", "calibrated", "skill");
	for (uint32_t i = 0; i < options->horizons_count; i++) {
		struct result result = result_of(options, scorer, options->horizons[i]);
		print_result(file, options->horizons[i], &result);
	}
	print_experts(options, scorer, file);
	if (options->learning.enabled)
		print_learning(facts, file);
}

int backtest_report(const struct backtest_options *options, const struct scorer *scorer,
	const struct backtest_facts *facts, FILE *file) {
	if (options->json)
		return report_json(options, scorer, facts, file);
	report_table(options, scorer, facts, file);
	return 0;
}
