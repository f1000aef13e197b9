/* SPDX-License-Identifier: Apache-2.0 */
#include "nodelay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int is_off(int fd) {
	int value = -1;
	socklen_t length = sizeof(value);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
	return value;
}

static void every_tcp_socket_sends_at_once(void **state) {
	int tcp4 = socket(AF_INET, SOCK_STREAM, 0), tcp6 = socket(AF_INET6, SOCK_STREAM, 0);
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(is_off(tcp4), 0);
	nodelay_all();
	assert_int_equal(is_off(tcp4), 1);
	if (tcp6 >= 0)
		assert_int_equal(is_off(tcp6), 1);
	close(tcp4);
	close(tcp6);
	close(pair[0]);
	close(pair[1]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tcp_socket_sends_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
