/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_REASON_H
#define MQTT_REASON_H

/* A phrase for people about why a connection was refused or lost: an MQTT 3.1.1 return code
 * (1 to 5), an MQTT 5 reason code (128 and more) or Paho's own negative code. */
const char *reason_text(int code);

#endif
