/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_DISCOVERY_H
#define WIRE_DISCOVERY_H

#include "span.h"
#include "text.h"

/*
 * Home Assistant's MQTT discovery, device form: one retained message per detector tells of a
 * device with two sensors per channel, the next forecast step and the anomaly score.
 */
struct wire_discovery_channel {
	struct span name;
	struct span unit;
};

struct wire_discovery {
	struct span prefix; /* "homeassistant" */
	struct span base; /* "xlstm" */
	struct span instance;
	struct span version; /* of the daemon */
	struct span detector;
	const struct wire_discovery_channel *channels;
	size_t channel_count;
};

/* "homeassistant/device/<id>/config"; the id is made of instance and detector, of the characters
 * that Home Assistant allows. An empty retained payload there removes the device. */
void wire_write_discovery_topic(struct text *to, const struct wire_discovery *discovery);
void wire_write_discovery(struct text *to, const struct wire_discovery *discovery);

#endif
