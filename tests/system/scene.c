/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

struct broker broker;
struct process process;
struct peer peer;

void scene_open(const char *configuration) {
	system_broker(&broker, &(struct broker_options){ 0 });
	process_create(&process, &broker, configuration);
	peer_connect(&peer, broker.port);
}

int scene_close(void **state) {
	(void)state;
	peer_disconnect(&peer);
	process_finish(&process);
	broker_finish(&broker);
	return 0;
}
