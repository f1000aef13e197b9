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

void scene_start(const char *configuration) {
	scene_open(configuration);
	process_preload(&process, PRELOAD_SYSTEM);
	process_start(&process);
	peer_subscribe(&peer, "xlstm/main/stats", 0);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	peer_subscribe(&peer, "xlstm/forecast/#", 0);
	await_subscribed(&peer);
}

int scene_close(void **state) {
	(void)state;
	peer_disconnect(&peer);
	process_finish(&process);
	broker_finish(&broker);
	return 0;
}
