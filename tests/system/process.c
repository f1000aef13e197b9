/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include "timing.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of $RUNNER at the most. */
#define RUNNER_WORDS 16

static void die(struct process *process, const char *what) {
	char command[128];

	fprintf(stderr, "xlstmd: %s (%s); its log:\n", what, strerror(errno));
	snprintf(command, sizeof(command), "tail -50 %s/log >&2", process->folder);
	if (system(command) != 0)
		fprintf(stderr, "no log\n");
	process_kill(process);
	exit(1);
}

void system_broker(struct broker *broker, const struct broker_options *options) {
	if (broker_start(broker, options))
		return;
	fprintf(stderr, "skipped: no mosquitto here\n");
	exit(77);
}

const char *process_file(const struct process *process, const char *name) {
	static char buffers[4][128];
	static unsigned next;
	char *buffer = buffers[next++ % 4];

	snprintf(buffer, sizeof(buffers[0]), "%s/%s", process->folder, name);
	return buffer;
}

static void open_notify(struct process *process) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", process_file(process, "notify"));
	process->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (process->notify < 0 ||
		bind(process->notify, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(process, "notification socket");
}

/* A key of the open section, unless the test sets it. */
static void write_unless_given(FILE *file, const char *lines, const char *key, const char *value) {
	if (!strstr(lines, key))
		fprintf(file, "%s = %s\n", key, value);
}

void process_configure(struct process *process, const struct broker *broker, const char *lines) {
	FILE *file = fopen(process_file(process, "xlstmd.conf"), "we");

	if (!file)
		die(process, "xlstmd.conf");
	fprintf(file, "[mqtt]\nserver = %s\nreconnect_min = 50ms\nreconnect_max = 200ms\n",
		broker->server);
	write_unless_given(file, lines, "session_expiry", "none");
	fprintf(file, "[store]\npath = %s\n", process_file(process, "xlstmd.db"));
	write_unless_given(file, lines, "commit_interval", "50ms");
	write_unless_given(file, lines, "state_interval", "1s");
	fprintf(file, "[daemon]\nstats_interval = 200ms\n%s", lines);
	if (fclose(file) != 0)
		die(process, "xlstmd.conf");
}

/* Forgets the oldest where there is no room. */
static void keep(struct process *process, const char *message, size_t length) {
	pthread_mutex_lock(&process->mutex);
	if (process->heard_length + length + 2 > sizeof(process->heard))
		process->heard_length = 0;
	memcpy(process->heard + process->heard_length, message, length);
	process->heard_length += length;
	process->heard[process->heard_length++] = '\n';
	process->heard[process->heard_length] = '\0';
	pthread_mutex_unlock(&process->mutex);
}

static void *listen_to(void *context) {
	struct process *process = context;
	struct pollfd readable = { .fd = process->notify, .events = POLLIN };
	char message[4096];

	while (!__atomic_load_n(&process->finishing, __ATOMIC_ACQUIRE)) {
		if (poll(&readable, 1, 20) <= 0)
			continue;
		ssize_t got = recv(process->notify, message, sizeof(message), 0);
		if (got > 0)
			keep(process, message, (size_t)got);
	}
	return NULL;
}

void process_create(struct process *process, const struct broker *broker, const char *lines) {
	*process = (struct process){ .notify = -1 };
	snprintf(process->folder, sizeof(process->folder), "/tmp/xlstmd.XXXXXX");
	if (!mkdtemp(process->folder))
		die(process, "folder");
	process->fault = fault_open(process_file(process, "fault"));
	open_notify(process);
	pthread_mutex_init(&process->mutex, NULL);
	if (pthread_create(&process->listener, NULL, listen_to, process) != 0)
		die(process, "listener");
	process_configure(process, broker, lines);
}

void process_preload(struct process *process, const char *library) {
	process->preload = getenv(library);
	if (!process->preload)
		die(process, library);
}

static void preload(const struct process *process) {
	setenv(FAULT_CONTROL, process_file(process, "fault"), 1);
	setenv(FAULT_FILES, process_file(process, "xlstmd."), 1);
	setenv("LD_PRELOAD", process->preload, 1);
}

static void execute(const char *daemon, const char *configuration) {
	const char *words[RUNNER_WORDS + 4];
	char *runner = getenv("RUNNER");
	size_t count = 0;

	for (char *word = runner ? strtok(runner, " ") : NULL; word && count < RUNNER_WORDS;
		word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = daemon;
	words[count + 1] = "-c";
	words[count + 2] = configuration;
	words[count + 3] = NULL;
	execvp(words[0], (char *const *)words);
}

static void become_daemon(const struct process *process) {
	int log = open(process_file(process, "log"), O_WRONLY | O_CREAT | O_APPEND, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	setenv("NOTIFY_SOCKET", process_file(process, "notify"), 1);
	if (process->preload)
		preload(process);
	execute(getenv("XLSTMD"), process_file(process, "xlstmd.conf"));
	_exit(127);
}

void process_spawn(struct process *process) {
	pthread_mutex_lock(&process->mutex);
	process->heard_length = 0;
	process->heard[0] = '\0';
	pthread_mutex_unlock(&process->mutex);
	process->pid = fork();
	if (process->pid < 0)
		die(process, "fork");
	if (process->pid == 0)
		become_daemon(process);
}

void process_start(struct process *process) {
	process_spawn(process);
	if (!process_await(process, "READY=1", PATIENCE_MS))
		die(process, "is not ready");
}

/* Whether the text has been heard; what came up to it is forgotten. */
static bool take(struct process *process, const char *text) {
	pthread_mutex_lock(&process->mutex);
	const char *found = strstr(process->heard, text);
	if (found) {
		size_t after = (size_t)(found - process->heard) + strlen(text);

		process->heard_length -= after;
		memmove(process->heard, process->heard + after, process->heard_length + 1);
	}
	pthread_mutex_unlock(&process->mutex);
	return found != NULL;
}

bool process_await(struct process *process, const char *text, unsigned timeout_ms) {
	for (unsigned waited = 0; !take(process, text); waited += 5) {
		if (waited >= timeout_ms)
			return false;
		sleep_ms(5);
	}
	return true;
}

void process_signal(struct process *process, int signal) {
	if (kill(process->pid, signal) < 0)
		die(process, "signal");
}

int process_poll(struct process *process, unsigned timeout_ms) {
	int status;

	for (unsigned waited = 0; waitpid(process->pid, &status, WNOHANG) == 0; waited += 5) {
		if (waited >= timeout_ms)
			return PROCESS_RUNS;
		sleep_ms(5);
	}
	process->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int process_wait(struct process *process, unsigned timeout_ms) {
	int status = process_poll(process, timeout_ms);

	if (status == PROCESS_RUNS) {
		errno = ETIMEDOUT;
		die(process, "does not end");
	}
	return status;
}

void process_stop(struct process *process) {
	process_signal(process, SIGTERM);
	int status = process_wait(process, PATIENCE_MS);
	if (status != 0) {
		fprintf(stderr, "status %d\n", status);
		die(process, "stopped with an error");
	}
}

void process_kill(struct process *process) {
	if (process->pid == 0)
		return;
	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
	process->pid = 0;
}

void process_finish(struct process *process) {
	char command[128];

	if (process->folder[0] == '\0')
		return;
	process_kill(process);
	__atomic_store_n(&process->finishing, true, __ATOMIC_RELEASE);
	pthread_join(process->listener, NULL);
	close(process->notify);
	fault_close(process->fault);
	snprintf(command, sizeof(command), "rm -rf %s", process->folder);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", process->folder);
	process->folder[0] = '\0';
}

bool process_logged(const struct process *process, const char *text) {
	FILE *file = fopen(process_file(process, "log"), "re");
	char line[4096];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, text) != NULL;
	if (file)
		fclose(file);
	return found;
}

char *process_query(const struct process *process, const char *sql) {
	char command[4096];
	char *result = calloc(1, 65536);

	snprintf(command, sizeof(command), "sqlite3 -readonly -cmd '.timeout 5000' %s \"%s\" 2>&1",
		process_file(process, "xlstmd.db"), sql);
	FILE *pipe = popen(command, "re");
	size_t length = pipe && result ? fread(result, 1, 65535, pipe) : 0;
	if (pipe)
		pclose(pipe);
	if (length > 0 && result[length - 1] == '\n')
		result[length - 1] = '\0';
	return result;
}

double process_query_number(const struct process *process, const char *sql) {
	char *text = process_query(process, sql);
	double number = strtod(text, NULL);

	free(text);
	return number;
}

void process_await_query(const struct process *process, const char *sql, const char *expected) {
	char *text = process_query(process, sql);

	for (unsigned waited = 0; strcmp(text, expected) != 0; waited += 20) {
		if (waited >= PATIENCE_MS) {
			fprintf(stderr, "%s: found %s, expected %s\n", sql, text, expected);
			exit(1);
		}
		free(text);
		sleep_ms(20);
		text = process_query(process, sql);
	}
	free(text);
}

json_t *await_json(struct peer *peer, const char *topic) {
	int64_t deadline_ms = now_ms() + PATIENCE_MS;
	const struct peer_message *message;

	while (now_ms() < deadline_ms && (message = peer_next(peer, PATIENCE_MS)) != NULL) {
		json_t *json = NULL;

		if (strcmp(message->topic, topic) == 0)
			json = json_loadb(message->payload, message->length, 0, NULL);
		if (json)
			return json;
	}
	fprintf(stderr, "nothing came on %s\n", topic);
	exit(1);
}

/* Whether the next message of the peer is the answer to the ping of this number. */
static bool is_answer(const struct peer_message *message, int number) {
	json_t *json;
	bool it_is = false;

	if (!message || strcmp(message->topic, "xlstm/main/response/ping") != 0)
		return false;
	json = json_loadb(message->payload, message->length, 0, NULL);
	it_is = json_number_at(json, "transaction") == number;
	json_decref(json);
	return it_is;
}

bool is_subscribed(struct peer *peer, unsigned timeout_ms) {
	static int number;
	int64_t end_ms = now_ms() + timeout_ms;
	char request[64];

	snprintf(request, sizeof(request), "{\"transaction\":%d}", ++number);
	publish_text(peer, "xlstm/main/request/ping", request);
	while (now_ms() < end_ms) {
		if (is_answer(peer_next(peer, timeout_ms), number))
			return true;
	}
	return false;
}

void await_subscribed(struct peer *peer) {
	int64_t deadline_ms = now_ms() + PATIENCE_MS;

	while (!is_subscribed(peer, 200)) {
		if (now_ms() > deadline_ms) {
			fprintf(stderr, "the daemon does not answer\n");
			exit(1);
		}
	}
}

double json_number_at(const json_t *json, const char *path) {
	char name[64];

	for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
		snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
		json = json_object_get(json, name);
	}
	json = json_object_get(json, path);
	return json_is_number(json) ? json_number_value(json) : (double)NAN;
}

const json_t *find_trouble(const json_t *stats, const char *name) {
	const json_t *trouble;
	size_t i;

	json_array_foreach(json_object_get(stats, "troubles"), i, trouble) {
		if (strcmp(json_string_value(json_object_get(trouble, "name")), name) == 0)
			return trouble;
	}
	return NULL;
}

json_t *await_stats(struct peer *peer, const char *path, double at_least) {
	int64_t deadline_ms = now_ms() + PATIENCE_MS;
	json_t *stats = await_json(peer, "xlstm/main/stats");

	while (!(json_number_at(stats, path) >= at_least)) {
		if (now_ms() > deadline_ms) {
			json_dumpf(stats, stderr, 0);
			fprintf(stderr, "\n%s stays below %g\n", path, at_least);
			exit(1);
		}
		json_decref(stats);
		stats = await_json(peer, "xlstm/main/stats");
	}
	return stats;
}

void publish_number(struct peer *peer, const char *topic, double value) {
	char text[32];

	snprintf(text, sizeof(text), "%.17g", value);
	publish_text(peer, topic, text);
}

void publish_text(struct peer *peer, const char *topic, const char *text) {
	peer_publish(peer, topic, text, strlen(text), 1, false);
}
