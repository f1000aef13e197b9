/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "span.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the configuration file says, one field for each row of the table in keys.c. All texts
 * belong to the configuration and live as long as it; a text that is not set is "".
 * Durations are milliseconds.
 */

struct config_list {
	char **items;
	size_t count;
};

enum config_keep_forecasts {
	CONFIG_FORECASTS_ALL,
	CONFIG_FORECASTS_LATEST,
	CONFIG_FORECASTS_OFF,
};

enum config_rows {
	CONFIG_ROWS_UNSET, /* of a source: as [forecast] says */
	CONFIG_ROWS_FULL,
	CONFIG_ROWS_LEAN,
};

/* What is done about abrupt shifts of a series' level. */
enum config_shifts {
	CONFIG_SHIFTS_UNSET, /* of a source: as [forecast] says */
	CONFIG_SHIFTS_FOLLOW,
	CONFIG_SHIFTS_IGNORE,
};

struct config_daemon {
	char *instance;
	uint32_t log; /* enum log_level */
	int64_t stats_interval;
	bool changes;
};

struct config_mqtt {
	char *server;
	char *base;
	char *client_id; /* "": xlstmd-<instance> */
	uint32_t protocol; /* enum mqtt_version */
	char *user;
	char *password_file;
	char *ca_file;
	char *cert_file;
	char *key_file;
	bool verify;
	int64_t keep_alive;
	int64_t reconnect_min;
	int64_t reconnect_max;
	int64_t session_expiry;
	uint64_t inbox;
	bool publish;
	bool retain;
	bool anomalies;
	bool discovery;
	char *discovery_prefix;
};

struct config_store {
	char *path;
	uint32_t durability; /* enum store_durability */
	bool readings;
	uint32_t forecasts; /* enum config_keep_forecasts */
	int64_t state_interval;
	int64_t commit_interval;
	int64_t keep_readings; /* 0: for ever; so are the next two */
	int64_t keep_forecasts;
	int64_t keep_anomalies;
	uint32_t rebuild;
};

struct config_forecast {
	bool enabled;
	uint32_t horizon;
	struct config_list season;
	struct config_list experts;
	uint32_t rows; /* enum config_rows */
	uint32_t shifts; /* enum config_shifts */
	char *model;
	uint32_t seed;
	uint32_t stale_after;
};

struct config_learning {
	bool enabled;
	uint64_t memory;
	int64_t interval;
	uint32_t steps;
	uint32_t rate; /* millionths */
	uint32_t nice;
	uint32_t keep;
};

enum config_instances {
	CONFIG_SHARED,
	CONFIG_OWN,
};

struct config_limits {
	uint32_t series;
	uint32_t detectors;
	uint32_t channels;
	uint64_t payload;
	uint32_t gap;
	int64_t future;
	int64_t past; /* 0: any */
	uint32_t batch;
	int64_t backlog; /* 0: for ever */
	uint64_t memory; /* 0: no limit */
};

/* What sections with a name begin with. */
struct config_name {
	char *name;
	unsigned line; /* of its heading, for messages */
	bool gone; /* a reload has not found it: a source hears nothing, its detectors go on */
};

struct config_group {
	struct config_name heading;
	char *positions; /* files; "": none */
	char *adjacency;
};

struct config_source {
	struct config_name heading;
	char *topic;
	uint32_t format; /* enum wire_format */
	int64_t step; /* 0: inferred from the readings */
	uint32_t horizon;
	struct config_list season;
	struct config_list channels;
	char *detector;
	char *time;
	char *unit;
	struct config_list position;
	char *group;
	uint32_t rows; /* enum config_rows */
	uint32_t shifts; /* enum config_shifts */
	uint32_t anomaly_side; /* enum guard_side */
	struct config_list anomaly_least; /* absolute, and as a percentage */
	struct config_list range; /* lowest and highest value */
	bool clip;
	uint32_t instances; /* enum config_instances */
	uint32_t aggregate; /* enum aggregate */
	int64_t lateness;
	uint32_t qos;
};

struct config {
	struct config_daemon daemon;
	struct config_mqtt mqtt;
	struct config_store store;
	struct config_forecast forecast;
	struct config_learning learning;
	struct config_limits limits;
	struct config_source *sources; /* in the order of the file: the first that matches wins */
	size_t source_count;
	struct config_group *groups;
	size_t group_count;
};

/* Reads a configuration. Every mistake that is found, not only the first, is appended to
 * `problems` as a line "FILE:LINE: KEY: what was found, what was expected". `name` stands for FILE.
 * 0, E_CONFIG if there was any, -errno. */
int config_parse(
	struct span content, const char *name, struct text *problems, struct config **ret_config);

/* The same from a file; one that can't be read is E_CONFIG with a problem that says so. */
int config_load(const char *path, struct text *problems, struct config **ret_config);

/* The defaults alone. 0 or -ENOMEM. */
int config_create(struct config **ret_config);
void config_destroy(struct config *config);

/* Copies from `fresh` the keys that may change while the daemon runs and appends the names of those
 * that differ but may not to `kept`, separated by ", ". Sources and groups are those of `fresh`, but for
 * the keys of a source that may not change; sources that it lacks stay behind them, as gone. Returns how
 * many keys and sections were taken over, or -ENOMEM and the sections are as before. `fresh` then holds
 * what was there before, which lives as long as it. */
int config_reload(struct config *config, struct config *fresh, struct text *kept);

/* The sections of the two as they were before a reload. */
void config_swap_sections(struct config *config, struct config *fresh);

/* Every key with its value, as a file that gives the same configuration. */
void config_print(const struct config *config, struct text *out);

#endif
