/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include "detector.h"
#include "guards.h"
#include "log.h"
#include "mqtt.h"
#include "record.h"
#include "source.h"
#include "store.h"

#define SECOND 1e3
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)

#define KIB 1024.0
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define AT(field)        offsetof(struct config, field)
#define AT_SOURCE(field) offsetof(struct config_source, field)
#define AT_GROUP(field)  offsetof(struct config_group, field)

static const struct key_choice log_words[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warning", LOG_LEVEL_WARNING },
	{ "notice", LOG_LEVEL_NOTICE },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
	{ NULL, 0 },
};

static const struct key_choice protocol_words[] = {
	{ "auto", MQTT_VERSION_AUTO },
	{ "5", MQTT_VERSION_5 },
	{ "3.1.1", MQTT_VERSION_3_1_1 },
	{ NULL, 0 },
};

static const struct key_choice durability_words[] = {
	{ "normal", STORE_NORMAL },
	{ "full", STORE_FULL },
	{ NULL, 0 },
};

static const struct key_choice keep_words[] = {
	{ "all", CONFIG_FORECASTS_ALL },
	{ "latest", CONFIG_FORECASTS_LATEST },
	{ "off", CONFIG_FORECASTS_OFF },
	{ NULL, 0 },
};

static const struct key_choice format_words[] = {
	{ "auto", WIRE_AUTO },
	{ "number", WIRE_NUMBER },
	{ "json", WIRE_JSON },
	{ "senml", WIRE_SENML },
	{ "line-protocol", WIRE_LINE_PROTOCOL },
	{ NULL, 0 },
};

static const struct key_choice rows_words[] = {
	{ "full", CONFIG_ROWS_FULL },
	{ "lean", CONFIG_ROWS_LEAN },
	{ NULL, 0 },
};

static const struct key_choice shifts_words[] = {
	{ "follow", CONFIG_SHIFTS_FOLLOW },
	{ "ignore", CONFIG_SHIFTS_IGNORE },
	{ NULL, 0 },
};

static const struct key_choice side_words[] = {
	{ "both", GUARD_BOTH },
	{ "above", GUARD_ABOVE },
	{ "below", GUARD_BELOW },
	{ NULL, 0 },
};

static const struct key_choice instances_words[] = {
	{ "shared", CONFIG_SHARED },
	{ "own", CONFIG_OWN },
	{ NULL, 0 },
};

static const struct key_choice aggregate_words[] = {
	{ "mean", AGGREGATE_MEAN },
	{ "last", AGGREGATE_LAST },
	{ "sum", AGGREGATE_SUM },
	{ "max", AGGREGATE_MAX },
	{ NULL, 0 },
};

/* clang-format off */
static const struct key keys[] = {
	{ .section = "daemon", .name = "instance", .type = KEY_TEXT,
		.at = AT(daemon.instance), .initial = "main",
		.help = "Name of this daemon in its topics (xlstm/INSTANCE/state) and towards the "
			"broker. Two daemons on one broker need two names." },
	{ .section = "daemon", .name = "log", .type = KEY_CHOICE,
		.at = AT(daemon.log), .initial = "info", .choices = log_words, .reload = true,
		.help = "Least important kind of message that is logged." },
	{ .section = "daemon", .name = "stats_interval", .type = KEY_DURATION,
		.at = AT(daemon.stats_interval), .initial = "10s", .min = 100, .max = DAY,
		.reload = true,
		.help = "How often counters and lags are published on xlstm/INSTANCE/stats." },
	{ .section = "daemon", .name = "changes", .type = KEY_SWITCH,
		.at = AT(daemon.changes), .initial = "off", .reload = true,
		.help = "Whether requests over MQTT may change anything (flush, pause_learning, "
			"flag, restore_model). Requests that "
			"only read are always answered." },

	{ .section = "mqtt", .name = "server", .type = KEY_TEXT,
		.at = AT(mqtt.server), .initial = "tcp://localhost:1883",
		.help = "The broker: tcp://HOST:PORT, or ssl://HOST:PORT with TLS." },
	{ .section = "mqtt", .name = "base", .type = KEY_TEXT,
		.at = AT(mqtt.base), .initial = "xlstm",
		.help = "First level of every topic that the daemon publishes on." },
	{ .section = "mqtt", .name = "client_id", .type = KEY_TEXT,
		.at = AT(mqtt.client_id), .initial = "",
		.help = "Client identifier; xlstmd-INSTANCE if empty." },
	{ .section = "mqtt", .name = "protocol", .type = KEY_CHOICE,
		.at = AT(mqtt.protocol), .initial = "auto", .choices = protocol_words,
		.help = "Version of MQTT; auto tries 5 and falls back to 3.1.1." },
	{ .section = "mqtt", .name = "user", .type = KEY_TEXT,
		.at = AT(mqtt.user), .initial = "",
		.help = "User name; none if empty." },
	{ .section = "mqtt", .name = "password_file", .type = KEY_TEXT,
		.at = AT(mqtt.password_file), .initial = "",
		.help = "File whose first line is the password. If empty, the systemd credential "
			"xlstmd.mqtt-password is used where there is one." },
	{ .section = "mqtt", .name = "ca_file", .type = KEY_TEXT,
		.at = AT(mqtt.ca_file), .initial = "",
		.help = "Certificates (PEM) that may sign the broker's; the system's if empty." },
	{ .section = "mqtt", .name = "cert_file", .type = KEY_TEXT,
		.at = AT(mqtt.cert_file), .initial = "",
		.help = "The daemon's own certificate (PEM), where the broker asks for one." },
	{ .section = "mqtt", .name = "key_file", .type = KEY_TEXT,
		.at = AT(mqtt.key_file), .initial = "",
		.help = "Private key (PEM) of cert_file. If empty, the systemd credential "
			"xlstmd.mqtt-key is used where there is one." },
	{ .section = "mqtt", .name = "verify", .type = KEY_SWITCH,
		.at = AT(mqtt.verify), .initial = "on",
		.help = "Whether the broker's certificate and host name are checked. Switch it off "
			"for experiments only." },
	{ .section = "mqtt", .name = "keep_alive", .type = KEY_DURATION,
		.at = AT(mqtt.keep_alive), .initial = "30s", .min = 5 * SECOND, .max = 10 * HOUR,
		.help = "Silence after which a connection is tested and, without an answer, given "
			"up." },
	{ .section = "mqtt", .name = "reconnect_min", .type = KEY_DURATION,
		.at = AT(mqtt.reconnect_min), .initial = "1s", .min = 10, .max = HOUR,
		.help = "Wait before the first attempt to connect again; doubled, with chance "
			"added, at each further one." },
	{ .section = "mqtt", .name = "reconnect_max", .type = KEY_DURATION,
		.at = AT(mqtt.reconnect_max), .initial = "1m", .min = 10, .max = DAY,
		.help = "Longest wait between two attempts to connect." },
	{ .section = "mqtt", .name = "session_expiry", .type = KEY_DURATION,
		.at = AT(mqtt.session_expiry), .initial = "1h", .min = 1 * SECOND, .max = YEAR,
		.zero = "none",
		.help = "How long the broker keeps messages of QoS 1 sources for a daemon that is "
			"away; none asks it to keep nothing." },
	{ .section = "mqtt", .name = "inbox", .type = KEY_BYTES,
		.at = AT(mqtt.inbox), .initial = "16M", .min = 64 * KIB, .max = 4 * GIB,
		.help = "Room for messages that have arrived and wait to be read, and where readings "
			"are stored to be committed: a file of this size beside the database. When "
			"it is full the connection is held back for a moment, then messages are "
			"dropped and counted." },
	{ .section = "mqtt", .name = "publish", .type = KEY_SWITCH,
		.at = AT(mqtt.publish), .initial = "on", .reload = true,
		.help = "Whether forecasts are published; off leaves them to the database." },
	{ .section = "mqtt", .name = "retain", .type = KEY_SWITCH,
		.at = AT(mqtt.retain), .initial = "on", .reload = true,
		.help = "Whether the broker keeps each series' latest forecast for new "
			"subscribers." },
	{ .section = "mqtt", .name = "anomalies", .type = KEY_SWITCH,
		.at = AT(mqtt.anomalies), .initial = "on", .reload = true,
		.help = "Whether observations outside the predicted range are published." },
	{ .section = "mqtt", .name = "discovery", .type = KEY_SWITCH,
		.at = AT(mqtt.discovery), .initial = "off",
		.help = "Whether detectors are announced to Home Assistant." },
	{ .section = "mqtt", .name = "discovery_prefix", .type = KEY_TEXT,
		.at = AT(mqtt.discovery_prefix), .initial = "homeassistant",
		.help = "Home Assistant's discovery topic." },

	{ .section = "store", .name = "path", .type = KEY_TEXT,
		.at = AT(store.path), .initial = "/var/lib/xlstmd/xlstmd.db",
		.help = "The SQLite database. Its directory must be writable for the daemon." },
	{ .section = "store", .name = "durability", .type = KEY_CHOICE,
		.at = AT(store.durability), .initial = "normal", .choices = durability_words,
		.help = "normal survives a crash of the daemon without loss and a power cut "
			"without damage; full also loses nothing committed or acknowledged at a "
			"power cut, at the price of an fsync for each commit and for each message "
			"of QoS 1 or 2." },
	{ .section = "store", .name = "readings", .type = KEY_SWITCH,
		.at = AT(store.readings), .initial = "on",
		.help = "Whether readings are stored. Without them a restart knows only the states "
			"of the last state_interval." },
	{ .section = "store", .name = "forecasts", .type = KEY_CHOICE,
		.at = AT(store.forecasts), .initial = "all", .choices = keep_words,
		.help = "Whether all forecasts are stored, the latest of each series, or none." },
	{ .section = "store", .name = "commit_interval", .type = KEY_DURATION,
		.at = AT(store.commit_interval), .initial = "1s", .min = 1, .max = MINUTE,
		.zero = "none", .reload = true,
		.help = "Longest time that work waits for its transaction: what a crash may lose, "
			"and what larger transactions save. none commits as often as it can." },
	{ .section = "store", .name = "state_interval", .type = KEY_DURATION,
		.at = AT(store.state_interval), .initial = "5m", .min = 100, .max = DAY,
		.reload = true,
		.help = "How often the state of a detector that has changed is stored. Readings "
			"since then are worked off again at a start." },
	{ .section = "store", .name = "keep_readings", .type = KEY_DURATION,
		.at = AT(store.keep_readings), .initial = "400d", .min = HOUR, .max = 100 * YEAR,
		.zero = "forever", .reload = true,
		.help = "Age at which readings are removed." },
	{ .section = "store", .name = "keep_forecasts", .type = KEY_DURATION,
		.at = AT(store.keep_forecasts), .initial = "30d", .min = MINUTE, .max = 100 * YEAR,
		.zero = "forever", .reload = true,
		.help = "Age at which forecasts are removed." },
	{ .section = "store", .name = "keep_anomalies", .type = KEY_DURATION,
		.at = AT(store.keep_anomalies), .initial = "400d", .min = HOUR, .max = 100 * YEAR,
		.zero = "forever", .reload = true,
		.help = "Age at which anomalies are removed." },
	{ .section = "store", .name = "rebuild", .type = KEY_COUNT,
		.at = AT(store.rebuild), .initial = "10000", .min = 0, .max = 10e6,
		.help = "Stored readings of a series, the latest ones, that are worked off again "
			"at a start if its state is missing or was made with other options." },

	{ .section = "forecast", .name = "enabled", .type = KEY_SWITCH,
		.at = AT(forecast.enabled), .initial = "on",
		.help = "Whether to forecast at all; off only records readings." },
	{ .section = "forecast", .name = "horizon", .type = KEY_COUNT,
		.at = AT(forecast.horizon), .initial = "24", .min = 1, .max = HORIZON_MAX,
		.help = "Steps of the detector's clock that a forecast looks ahead." },
	{ .section = "forecast", .name = "season", .type = KEY_LIST,
		.at = AT(forecast.season), .initial = "auto",
		.help = "Periods after which a series repeats itself, in steps (24, 168) or as "
			"durations (1d, 7d), at most two; auto finds them from the data." },
	{ .section = "forecast", .name = "experts", .type = KEY_LIST,
		.at = AT(forecast.experts), .initial = "all",
		.help = "Forecasting methods that take part, by name; all of them by default." },
	{ .section = "forecast", .name = "rows", .type = KEY_CHOICE,
		.at = AT(forecast.rows), .initial = "full", .choices = rows_words,
		.help = "How much is kept of a series: full, some 400 kB at 24 steps, or lean, at "
			"most 16 kB, with errors a few percent larger." },
	{ .section = "forecast", .name = "shifts", .type = KEY_CHOICE,
		.at = AT(forecast.shifts), .initial = "follow", .choices = shifts_words,
		.help = "Whether what has been learned of a series follows when its level shifts "
			"abruptly and to stay, as when a sensor is calibrated." },
	{ .section = "forecast", .name = "model", .type = KEY_TEXT,
		.at = AT(forecast.model), .initial = "auto",
		.help = "File with the network's weights (safetensors); auto takes those that were "
			"installed with the program, none forecasts without a network." },
	{ .section = "forecast", .name = "seed", .type = KEY_COUNT,
		.at = AT(forecast.seed), .initial = "1", .max = UINT32_MAX,
		.help = "Seed of all chance inside forecasting: the same readings with the same "
			"seed give the same forecasts." },
	{ .section = "forecast", .name = "stale_after", .type = KEY_COUNT,
		.at = AT(forecast.stale_after), .initial = "5", .min = 2, .max = 100000,
		.reload = true,
		.help = "Steps without a reading after which a series' forecast is published once "
			"more with the status stale." },

	{ .section = "learning", .name = "enabled", .type = KEY_SWITCH,
		.at = AT(learning.enabled), .initial = "on", .reload = true,
		.help = "Whether the network's weights learn from the readings while the daemon "
			"runs. Without it everything else still learns." },
	{ .section = "learning", .name = "interval", .type = KEY_DURATION,
		.at = AT(learning.interval), .initial = "1d", .min = MINUTE, .max = YEAR,
		.help = "Time, by the readings' own clock, between two attempts." },
	{ .section = "learning", .name = "steps", .type = KEY_COUNT,
		.at = AT(learning.steps), .initial = "6", .min = 1, .max = 10000,
		.help = "Steps of the optimiser for each day of readings, at most 24 in one "
			"attempt." },
	{ .section = "learning", .name = "rate", .type = KEY_COUNT,
		.at = AT(learning.rate), .initial = "200", .min = 1, .max = 100000,
		.help = "Size of a step of the optimiser, in millionths." },
	{ .section = "learning", .name = "nice", .type = KEY_COUNT,
		.at = AT(learning.nice), .initial = "10", .max = 19,
		.help = "Niceness of the thread that learns, added to that of the daemon: how much "
			"it makes way for others on a busy machine." },
	{ .section = "learning", .name = "memory", .type = KEY_BYTES,
		.at = AT(learning.memory), .initial = "64M", .min = MIB, .max = 64 * GIB,
		.help = "Room for pieces of the past to learn from. They are kept in memory only." },
	{ .section = "learning", .name = "keep", .type = KEY_COUNT,
		.at = AT(learning.keep), .initial = "8", .min = 2, .max = 1000, .reload = true,
		.help = "Learned weights that stay in the database, to go back to; as many again "
			"for each detector with weights of its own." },

	{ .section = "limits", .name = "series", .type = KEY_COUNT,
		.at = AT(limits.series), .initial = "100000", .min = 1, .max = 10e6,
		.help = "Series at the most. Readings of further ones are refused and counted." },
	{ .section = "limits", .name = "detectors", .type = KEY_COUNT,
		.at = AT(limits.detectors), .initial = "100000", .min = 1, .max = 10e6,
		.help = "Detectors at the most." },
	{ .section = "limits", .name = "channels", .type = KEY_COUNT,
		.at = AT(limits.channels), .initial = "64", .min = 1, .max = CHANNELS_MAX,
		.help = "Channels of one detector at the most." },
	{ .section = "limits", .name = "payload", .type = KEY_BYTES,
		.at = AT(limits.payload), .initial = "256k", .min = 64, .max = 256 * MIB,
		.help = "Size of a message at the most; larger ones are refused unread." },
	{ .section = "limits", .name = "gap", .type = KEY_COUNT,
		.at = AT(limits.gap), .initial = "1000", .min = 1, .max = 10e6,
		.help = "Missing periods of a detector that are worked through one by one when it "
			"speaks again; the clock jumps over the rest." },
	{ .section = "limits", .name = "future", .type = KEY_DURATION,
		.at = AT(limits.future), .initial = "10m", .min = SECOND, .max = 100 * YEAR,
		.zero = "any",
		.help = "How far ahead of the daemon's clock the time of a reading may lie." },
	{ .section = "limits", .name = "batch", .type = KEY_COUNT,
		.at = AT(limits.batch), .initial = "256", .min = 1, .max = 4096,
		.help = "Detectors that step together at the most." },
	{ .section = "limits", .name = "backlog", .type = KEY_DURATION, .reload = true,
		.at = AT(limits.backlog), .initial = "5s", .min = 100, .max = DAY,
		.zero = "never",
		.help = "How long a thousand readings may wait for their forecasts; after that those "
			"forecasts that newer readings have overtaken are neither stored nor published." },
	{ .section = "limits", .name = "memory", .type = KEY_BYTES,
		.at = AT(limits.memory), .initial = "1G", .min = MIB, .max = 4096 * GIB,
		.zero = "none",
		.help = "Memory for the states of all series. Further series are recorded but not "
			"forecast." },

	{ .section = SECTION_SOURCE, .name = "topic", .type = KEY_TEXT,
		.at = AT_SOURCE(topic), .initial = "", .required = true, .reload = true,
		.help = "Topic of the readings, with placeholders for one level each: "
			"plant/{site}/{detector}/{channel}." },
	{ .section = SECTION_SOURCE, .name = "format", .type = KEY_CHOICE,
		.at = AT_SOURCE(format), .initial = "auto", .choices = format_words,
		.reload = true,
		.help = "How a payload is written; auto looks at each one." },
	{ .section = SECTION_SOURCE, .name = "step", .type = KEY_DURATION,
		.at = AT_SOURCE(step), .initial = "auto", .min = 1, .max = YEAR, .zero = "auto",
		.help = "The period of the detector's clock; auto finds it from the first "
			"readings." },
	{ .section = SECTION_SOURCE, .name = "horizon", .type = KEY_COUNT,
		.at = AT_SOURCE(horizon), .inherits = "horizon", .min = 1, .max = HORIZON_MAX,
		.help = "Steps that a forecast looks ahead." },
	{ .section = SECTION_SOURCE, .name = "season", .type = KEY_LIST,
		.at = AT_SOURCE(season), .inherits = "season",
		.help = "Periods after which a series repeats itself." },
	{ .section = SECTION_SOURCE, .name = "channels", .type = KEY_LIST,
		.at = AT_SOURCE(channels), .initial = "", .reload = true,
		.help = "Fields of a payload that are channels, name = field under another name; "
			"all numbers if empty." },
	{ .section = SECTION_SOURCE, .name = "detector", .type = KEY_TEXT,
		.at = AT_SOURCE(detector), .initial = "", .reload = true,
		.help = "The detector's name, made of placeholders and fields: {site}/{device}. If "
			"empty {detector}, or without it all placeholders but {channel}, joined "
			"by slashes." },
	{ .section = SECTION_SOURCE, .name = "time", .type = KEY_TEXT,
		.at = AT_SOURCE(time), .initial = "", .reload = true,
		.help = "Field that holds the time of a reading; arrival takes none from messages. "
			"If empty, the usual names are tried; without a time its arrival "
			"counts." },
	{ .section = SECTION_SOURCE, .name = "unit", .type = KEY_TEXT,
		.at = AT_SOURCE(unit), .initial = "", .reload = true,
		.help = "Unit of the values; what the payload says if empty." },
	{ .section = SECTION_SOURCE, .name = "position", .type = KEY_LIST,
		.at = AT_SOURCE(position), .initial = "", .reload = true,
		.help = "Two fields that hold the detector's latitude and longitude: lat, lon." },
	{ .section = SECTION_SOURCE, .name = "group", .type = KEY_TEXT,
		.at = AT_SOURCE(group), .initial = "", .reload = true,
		.help = "Group whose detectors see each other: the values of the others of the same "
			"channel are inputs of a detector's forecasts. A name of at most 63 bytes; none "
			"if empty." },
	{ .section = SECTION_SOURCE, .name = "rows", .type = KEY_CHOICE,
		.at = AT_SOURCE(rows), .inherits = "rows", .choices = rows_words,
		.help = "How much is kept of a series." },
	{ .section = SECTION_SOURCE, .name = "shifts", .type = KEY_CHOICE,
		.at = AT_SOURCE(shifts), .inherits = "shifts", .choices = shifts_words,
		.help = "Whether what has been learned of a series follows abrupt shifts of its level." },
	{ .section = SECTION_SOURCE, .name = "anomaly_side", .type = KEY_CHOICE,
		.at = AT_SOURCE(anomaly_side), .initial = "both", .choices = side_words,
		.reload = true,
		.help = "Which side of the predicted range counts as an anomaly: above, below, or "
			"both." },
	{ .section = SECTION_SOURCE, .name = "anomaly_least", .type = KEY_LIST,
		.at = AT_SOURCE(anomaly_least), .initial = "", .reload = true,
		.help = "Smallest distance from the median forecast that counts as an anomaly, in "
			"the unit of the readings, as a percentage of the median, or both: 0.5, "
			"10%." },
	{ .section = SECTION_SOURCE, .name = "range", .type = KEY_LIST,
		.at = AT_SOURCE(range), .initial = "", .reload = true,
		.help = "What the sensor can measure: 0, 100, or - for a side without a limit. "
			"Other values are anomalies and count as missing." },
	{ .section = SECTION_SOURCE, .name = "clip", .type = KEY_SWITCH,
		.at = AT_SOURCE(clip), .initial = "on", .reload = true,
		.help = "Whether forecasts are limited to the range." },
	{ .section = SECTION_SOURCE, .name = "instances", .type = KEY_CHOICE,
		.at = AT_SOURCE(instances), .initial = "shared", .choices = instances_words,
		.help = "Whether detectors share the network's weights, each with a state and a "
			"head of its own, or each has weights of its own, which takes about 4 MB "
			"and more time for each." },
	{ .section = SECTION_SOURCE, .name = "aggregate", .type = KEY_CHOICE,
		.at = AT_SOURCE(aggregate), .initial = "mean", .choices = aggregate_words,
		.help = "What becomes of several readings in one period." },
	{ .section = SECTION_SOURCE, .name = "lateness", .type = KEY_DURATION,
		.at = AT_SOURCE(lateness), .initial = "none", .min = 1, .max = DAY, .zero = "none",
		.help = "How long a period waits for readings that arrive out of order. Forecasts "
			"wait as long; none forecasts at once." },
	{ .section = SECTION_SOURCE, .name = "qos", .type = KEY_COUNT,
		.at = AT_SOURCE(qos), .initial = "1", .min = 0, .max = 2, .reload = true,
		.help = "Quality of service of the subscription." },

	{ .section = SECTION_GROUP, .name = "positions", .type = KEY_TEXT,
		.at = AT_GROUP(positions), .initial = "", .reload = true,
		.help = "File with the positions of detectors: comma-separated values whose heading "
			"names detector and latitude, longitude (degrees) or x, y (metres). A "
			"detector that it does not name has the position that its messages tell." },
	{ .section = SECTION_GROUP, .name = "adjacency", .type = KEY_TEXT,
		.at = AT_GROUP(adjacency), .initial = "", .reload = true,
		.help = "File that says which detectors may be neighbours: comma-separated values "
			"whose heading names from, to and weight. Detectors that it names see "
			"their nearest only among those; what is measured chooses." },
};
/* clang-format on */

const struct key *keys_all(size_t *ret_count) {
	*ret_count = sizeof(keys) / sizeof(keys[0]);
	return keys;
}
