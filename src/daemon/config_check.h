/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_CONFIG_CHECK_H
#define DAEMON_CONFIG_CHECK_H

#include "config.h"

/* What a single key can't show: required keys, keys that need each other, names and topics that
 * MQTT does not allow. Appends a line for each problem, as config_parse. */
void config_check(const struct config *config, const char *name, struct text *problems);

#endif
