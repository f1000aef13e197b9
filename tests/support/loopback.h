/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_LOOPBACK_H
#define SUPPORT_LOOPBACK_H

#include <arpa/inet.h>

/* A port of 127.0.0.1; 0: any that is free. */
static inline struct sockaddr_in loopback(int port) {
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

#endif
