/* SPDX-License-Identifier: Apache-2.0 */
#include "troubles.h"

#include "forecast.h"
#include "log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What comes and goes within moments is told for a while. */
#define HOLD_MS       10000
#define HOLD_CLOCK_MS 60000

static const struct {
	const char *name;
	const char *cost; /* NULL: it costs nothing that could be counted */
	int64_t hold_ms;
} kinds[TROUBLES] = {
	[TROUBLE_BROKER] = { "broker", NULL, 0 },
	[TROUBLE_DATABASE] = { "database", NULL, 0 },
	[TROUBLE_HOUSEKEEPING] = { "housekeeping", NULL, 0 },
	[TROUBLE_UNSTORED] = { "unstored", "rows", HOLD_MS },
	[TROUBLE_OVERLOAD] = { "overload", "messages", HOLD_MS },
	[TROUBLE_BACKLOG] = { "backlog", "forecasts", HOLD_MS },
	[TROUBLE_CLOCK] = { "clock", NULL, HOLD_CLOCK_MS },
};

void troubles_turn(struct troubles *troubles, int64_t now_ms, int64_t clock_ms) {
	troubles->now_ms = now_ms;
	troubles->clock_ms = clock_ms;
}

void troubles_meet(struct troubles *troubles, enum trouble which, const char *what, uint64_t cost) {
	struct trouble_state *state = &troubles->states[which];

	if (!state->is_on) {
		*state = (struct trouble_state){
			.is_on = true,
			.since_ms = troubles->now_ms,
			.began_ms = troubles->clock_ms,
		};
		log_warning("trouble begins: %s: %s", kinds[which].name, what);
	}
	snprintf(state->what, sizeof(state->what), "%s", what);
	state->met_ms = troubles->clock_ms;
	state->cost += cost;
}

static int64_t seconds(const struct troubles *troubles, const struct trouble_state *state) {
	return (troubles->clock_ms - state->began_ms) / 1000;
}

static void end(const struct troubles *troubles, int which) {
	const struct trouble_state *state = &troubles->states[which];

	if (kinds[which].cost)
		log_notice("trouble is over after %" PRId64 " s: %s; it cost %" PRIu64 " %s",
			seconds(troubles, state), kinds[which].name, state->cost,
			kinds[which].cost);
	else
		log_notice("trouble is over after %" PRId64 " s: %s", seconds(troubles, state),
			kinds[which].name);
}

void troubles_settle(struct troubles *troubles) {
	for (int i = 0; i < TROUBLES; i++) {
		struct trouble_state *state = &troubles->states[i];

		if (!state->is_on || troubles->clock_ms - state->met_ms <= kinds[i].hold_ms)
			continue;
		end(troubles, i);
		state->is_on = false;
	}
}

static void write_one(const struct troubles *troubles, int which, struct text *to) {
	const struct trouble_state *state = &troubles->states[which];

	text_add_format(to, "{\"name\":\"%s\",\"what\":", kinds[which].name);
	text_add_json_string(to, span_text(state->what));
	text_add(to, SPAN(",\"since\":"));
	wire_write_seconds(to, state->since_ms);
	text_add_format(to, ",\"seconds\":%" PRId64, seconds(troubles, state));
	if (kinds[which].cost)
		text_add_format(to, ",\"%s\":%" PRIu64, kinds[which].cost, state->cost);
	text_add_char(to, '}');
}

void troubles_write(const struct troubles *troubles, struct text *to) {
	bool any = false;

	text_add_char(to, '[');
	for (int i = 0; i < TROUBLES; i++) {
		if (!troubles->states[i].is_on)
			continue;
		if (any)
			text_add_char(to, ',');
		write_one(troubles, i, to);
		any = true;
	}
	text_add_char(to, ']');
}

void troubles_name(const struct troubles *troubles, struct text *to) {
	bool any = false;

	for (int i = 0; i < TROUBLES; i++) {
		if (!troubles->states[i].is_on)
			continue;
		text_add_format(to, "%s%s", any ? ", " : "", kinds[i].name);
		any = true;
	}
}
