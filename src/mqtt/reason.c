/* SPDX-License-Identifier: Apache-2.0 */
#include "reason.h"

#include <MQTTAsync.h>
#include <stddef.h>

struct reason {
	int code;
	const char *text;
};

/* MQTT 3.1.1 section 3.2.2.3, and those of MQTT 5 section 2.4 that operators meet. */
static const struct reason reasons[] = {
	{ 1, "the broker declines this version of MQTT" },
	{ 2, "the broker declines the client id" },
	{ 3, "the broker is not available" },
	{ 4, "wrong user name or password" },
	{ 5, "not authorised" },
	{ 0x84, "the broker declines this version of MQTT" },
	{ 0x85, "the broker declines the client id" },
	{ 0x86, "wrong user name or password" },
	{ 0x87, "not authorised" },
	{ 0x88, "the broker is not available" },
	{ 0x89, "the broker is busy" },
	{ 0x8a, "banned by the broker" },
	{ 0x8b, "the broker shuts down" },
	{ 0x8d, "keep-alive timed out" },
	{ 0x8e, "another client took the session over: is the client id used twice?" },
	{ 0x8f, "the broker declines the topic filter" },
	{ 0x93, "more messages in flight than the broker takes" },
	{ 0x95, "packet too large for the broker" },
	{ 0x97, "quota exceeded" },
	{ 0x98, "closed by an administrator" },
	{ 0x9c, "the broker refers to another server" },
	{ 0x9d, "the broker has moved" },
	{ 0x9f, "connections too often for the broker" },
};

const char *reason_text(int code) {
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == code)
			return reasons[i].text;
	}
	if (code >= 0x80) {
		const char *text = MQTTReasonCode_toString((enum MQTTReasonCodes)code);
		return text ? text : "unknown reason";
	}
	return code < 0 ? "no connection" : "connection closed";
}
