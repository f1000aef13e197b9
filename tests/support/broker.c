/* SPDX-License-Identifier: Apache-2.0 */
#include "broker.h"

#include "loopback.h"
#include "timing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOSQUITTO   "/usr/sbin/mosquitto"
#define START_MS    10000
#define PORT_TRIALS 10

static void die(const char *what) {
	fprintf(stderr, "broker: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int free_port(void) {
	struct sockaddr_in address = loopback(0);
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		die("no free port");
	close(fd);
	return ntohs(address.sin_port);
}

static bool answers(void *context) {
	const struct broker *broker = context;
	struct sockaddr_in address = loopback(broker->port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool up = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	close(fd);
	return up;
}

const char *broker_file(const struct broker *broker, const char *name) {
	static char buffers[4][PATH_MAX];
	static unsigned next;
	char *buffer = buffers[next++ % 4];

	snprintf(buffer, PATH_MAX, "%s/%s", broker->folder, name);
	return buffer;
}

/* Runs a program to its end. */
static void run(const char *const arguments[]) {
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execvp(arguments[0], (char *const *)(unsigned long)arguments);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		die(arguments[0]);
}

static void write_configuration(const struct broker *broker, const struct broker_options *options) {
	FILE *file = fopen(broker_file(broker, "mosquitto.conf"), "we");

	if (!file)
		die("mosquitto.conf");
	fprintf(file, "listener %d 127.0.0.1\n", broker->port);
	fprintf(file, "allow_anonymous %s\n", options->user ? "false" : "true");
	/* Or each side waits for the other's delayed acknowledgements. */
	fprintf(file, "set_tcp_nodelay true\n");
	fprintf(file, "persistence_location %s/\n", broker->folder);
	if (geteuid() == 0)
		fprintf(file, "user root\n");
	if (options->user)
		fprintf(file, "password_file %s\n", broker_file(broker, "passwords"));
	if (options->tls)
		fprintf(file, "cafile %s\ncertfile %s\nkeyfile %s\n", broker_file(broker, "ca.crt"),
			broker_file(broker, "server.crt"), broker_file(broker, "server.key"));
	if (options->client_certificates)
		fprintf(file, "require_certificate true\n");
	if (options->lines)
		fprintf(file, "%s\n", options->lines);
	if (fclose(file) != 0)
		die("mosquitto.conf");
}

static void spawn(struct broker *broker) {
	const char *configuration = broker_file(broker, "mosquitto.conf");
	const char *log = broker_file(broker, "log");

	broker->pid = fork();
	if (broker->pid < 0)
		die("fork");
	if (broker->pid > 0)
		return;

	/* A test program that is ended in the middle leaves no broker behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execl(MOSQUITTO, MOSQUITTO, "-c", configuration, "-v", (char *)NULL);
	_exit(127);
}

/* Whether it came up; it ends by itself if somebody else was faster to take the port. */
static bool await_answer(struct broker *broker) {
	for (int waited = 0; waited < START_MS; waited += 10) {
		if (answers(broker))
			return true;
		if (waitpid(broker->pid, NULL, WNOHANG) == broker->pid) {
			broker->pid = 0;
			return false;
		}
		sleep_ms(10);
	}
	errno = ETIMEDOUT;
	die("no answer");
	return false;
}

static void prepare_secrets(const struct broker *broker, const struct broker_options *options) {
	if (options->tls) {
		const char *const arguments[] = { "sh", SUPPORT_FOLDER "/certificates.sh",
			broker->folder, NULL };
		run(arguments);
	}
	if (options->user) {
		const char *const arguments[] = { "mosquitto_passwd", "-b", "-c",
			broker_file(broker, "passwords"), options->user, options->password, NULL };
		run(arguments);
	}
}

bool broker_start(struct broker *broker, const struct broker_options *options) {
	const char *temporary = getenv("TMPDIR");

	*broker = (struct broker){ .tls = options->tls };
	if (access(MOSQUITTO, X_OK) < 0)
		return false;
	snprintf(broker->folder, sizeof(broker->folder), "%s/broker.XXXXXX",
		temporary && strlen(temporary) < 32 ? temporary : "/tmp");
	if (!mkdtemp(broker->folder))
		die(broker->folder);
	prepare_secrets(broker, options);

	for (int trial = 0; trial < PORT_TRIALS; trial++) {
		broker->port = free_port();
		snprintf(broker->server, sizeof(broker->server),
			broker->tls ? "ssl://localhost:%d" : "tcp://127.0.0.1:%d", broker->port);
		write_configuration(broker, options);
		spawn(broker);
		if (await_answer(broker))
			return true;
	}
	die("does not start");
	return false;
}

static void end(struct broker *broker, int signal) {
	if (broker->pid == 0)
		return;
	kill(broker->pid, signal);
	waitpid(broker->pid, NULL, 0);
	broker->pid = 0;
}

void broker_stop(struct broker *broker) {
	end(broker, SIGTERM);
}

void broker_kill(struct broker *broker) {
	end(broker, SIGKILL);
}

void broker_restart(struct broker *broker) {
	spawn(broker);
	if (!await_answer(broker))
		die("does not start again");
}

void broker_freeze(struct broker *broker) {
	kill(broker->pid, SIGSTOP);
}

void broker_thaw(struct broker *broker) {
	kill(broker->pid, SIGCONT);
}

void broker_finish(struct broker *broker) {
	const char *const arguments[] = { "rm", "-rf", broker->folder, NULL };

	if (broker->folder[0] == '\0')
		return;
	if (broker->pid > 0)
		broker_thaw(broker);
	broker_stop(broker);
	run(arguments);
	broker->folder[0] = '\0';
}
