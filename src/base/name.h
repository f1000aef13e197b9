/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_NAME_H
#define BASE_NAME_H

#include "span.h"

/* What may be the name of a detector or a channel: 1 to NAME_MAX_LENGTH bytes of UTF-8 without
 * control characters and without the wildcards of MQTT, so that a series' name always makes a
 * topic. A channel has no '/', so that the last one in "detector/channel" parts the two; a detector
 * may have several, with something between them. 0, E_NAME or E_ENCODING. */
int name_check_detector(struct span name);
int name_check_channel(struct span name);

#endif
