/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_NODELAY_H
#define MQTT_NODELAY_H

/*
 * Switches Nagle's algorithm off (TCP_NODELAY) on every connected TCP socket of the process. Paho C
 * leaves it on and does not tell which socket is its own; a forecast would then wait for the
 * acknowledgement of the one before it, as long as 40 ms. The broker's is the only connection that
 * our programs have. Best effort: where /proc is missing nothing happens.
 */
void nodelay_all(void);

#endif
