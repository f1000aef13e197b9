/* SPDX-License-Identifier: Apache-2.0 */
#include "nodelay.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

static void switch_off(int fd) {
	const int on = 1;
	int protocol;
	socklen_t length = sizeof(protocol);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 &&
		protocol == IPPROTO_TCP)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void nodelay_all(void) {
	DIR *folder = opendir("/proc/self/fd");

	if (!folder)
		return;
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] != '.')
			switch_off(atoi(entry->d_name));
	}
	closedir(folder);
}
