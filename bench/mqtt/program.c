/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t program_start(const char *const arguments[], const char *log) {
	pid_t pid = fork();

	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (pid > 0)
		return pid;

	/* A benchmark that is ended in the middle leaves nothing behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execv(arguments[0], (char *const *)(uintptr_t)arguments);
	_exit(127);
}

int program_end(pid_t pid) {
	int status = 0;

	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	return status;
}

/* The beginning of the first line of a thread's file; empty if the thread is gone. */
static void read_of_thread(pid_t pid, const char *thread, const char *name, char *to, size_t size) {
	char path[512];

	snprintf(path, sizeof(path), "/proc/%d/task/%s/%s", (int)pid, thread, name);
	FILE *file = fopen(path, "re");
	if (!file || !fgets(to, (int)size, file))
		to[0] = '\0';
	to[strcspn(to, "\n")] = '\0';
	if (file)
		fclose(file);
}

static bool is_named(pid_t pid, const char *thread, const char *name) {
	char found[64];

	read_of_thread(pid, thread, "comm", found, sizeof(found));
	return strcmp(found, name) == 0;
}

/* The first figure of a thread's schedstat: time on a CPU. */
static uint64_t thread_cpu_ns(pid_t pid, const char *thread) {
	char figures[64];

	read_of_thread(pid, thread, "schedstat", figures, sizeof(figures));
	return strtoull(figures, NULL, 10);
}

uint64_t program_cpu_ns(pid_t pid, const char *name) {
	char path[64];
	uint64_t sum = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *folder = opendir(path);
	if (!folder) {
		perror(path);
		exit(1);
	}
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] != '.' && (!name || is_named(pid, entry->d_name, name)))
			sum += thread_cpu_ns(pid, entry->d_name);
	}
	closedir(folder);
	return sum;
}
