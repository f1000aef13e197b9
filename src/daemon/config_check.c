/* SPDX-License-Identifier: Apache-2.0 */
#include "config_check.h"

#include "config_source.h"
#include "error.h"
#include "season.h"

#include <string.h>

struct check {
	const struct config *config;
	const char *name;
	struct text *problems;
};

static void problem(struct check *check, const char *text) {
	text_add_format(check->problems, "%s: %s\n", check->name, text);
}

static void source_problem(
	struct check *check, const struct config_source *source, const char *text) {
	text_add_format(check->problems, "%s:%u: [source %s]: %s\n", check->name,
		source->heading.line, source->heading.name, text);
}

static bool is_set(const char *text) {
	return text[0] != '\0';
}

/* Whether it may stand as one level of a topic, or as several with slashes between. */
static bool is_topic(const char *text, bool one_level) {
	size_t length = strlen(text);

	return length > 0 && !strpbrk(text, one_level ? "+#/" : "+#") && text[0] != '/' &&
	       text[0] != '$' && text[length - 1] != '/';
}

static bool has_scheme(const char *server) {
	static const char *const schemes[] = { "tcp://", "ssl://", "mqtt://", "mqtts://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = strlen(schemes[i]);

		if (strncmp(server, schemes[i], length) == 0 && is_set(server + length))
			return true;
	}
	return false;
}

static void check_mqtt(struct check *check) {
	const struct config_mqtt *mqtt = &check->config->mqtt;

	if (!has_scheme(mqtt->server))
		problem(check, "[mqtt] server: expected tcp://HOST:PORT or ssl://HOST:PORT");
	if (!is_topic(mqtt->base, false))
		problem(check, "[mqtt] base: expected a topic without wildcards");
	if (!is_topic(mqtt->discovery_prefix, false))
		problem(check, "[mqtt] discovery_prefix: expected a topic without wildcards");
	if (mqtt->reconnect_max < mqtt->reconnect_min)
		problem(check, "[mqtt] reconnect_max: expected no less than reconnect_min");
	if (is_set(mqtt->key_file) && !is_set(mqtt->cert_file))
		problem(check, "[mqtt] key_file: expected cert_file beside it");
	if (is_set(mqtt->password_file) && !is_set(mqtt->user))
		problem(check, "[mqtt] password_file: expected user beside it");
}

static void check_wire(struct check *check, const struct config_source *source) {
	struct wire_source *wire = NULL;
	const char *text;

	if (config_wire_source(check->config, source, &wire, &text) == E_CONFIG)
		source_problem(check, source, text);
	wire_source_destroy(wire);
}

static void check_source(struct check *check, const struct config_source *source) {
	uint32_t seasons[SEASONS_MAX];
	struct guards guards;

	if (!is_set(source->topic))
		source_problem(check, source, "topic: expected one");
	else
		check_wire(check, source);
	if (source->position.count != 0 && source->position.count != 2)
		source_problem(check, source, "position: expected two fields: lat, lon");
	if (strlen(source->group) > GROUP_NAME_MAX)
		source_problem(check, source, "group: expected a name of at most 63 bytes");
	if (config_guards(source, &guards) < 0)
		source_problem(check, source,
			"anomaly_least, range: expected a distance, a percentage or both, and two "
			"numbers, the lower first, or - for no limit");
	if (source->channels.count > check->config->limits.channels)
		source_problem(check, source, "channels: more than [limits] channels");
	if (season_read(&source->season, source->step, seasons) < 0)
		source_problem(check, source,
			"season: expected auto, or one or two periods, the shorter first, in steps "
			"or, with a configured step, as durations that are multiples of it");
}

void config_check(const struct config *config, const char *name, struct text *problems) {
	struct check check = { config, name, problems };
	uint32_t experts;

	if (!is_topic(config->daemon.instance, true))
		problem(&check, "[daemon] instance: expected a name without slashes and wildcards");
	if (!is_set(config->store.path))
		problem(&check, "[store] path: expected one");
	check_mqtt(&check);
	if (config_experts(config, &experts) == E_CONFIG)
		problem(&check, "[forecast] experts: expected all, or names of experts");
	for (size_t i = 0; i < config->source_count; i++)
		check_source(&check, &config->sources[i]);
}
