/* SPDX-License-Identifier: Apache-2.0 */

/* Preloaded: files, sockets and the wall clock. */
#include "fault_rule.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

/* libc's function of this name, behind us. */
#define NEXT(name) ((__typeof__(&name))next(#name, NULL))

/* A wait for a time of the wall clock looks this often whether the clock has stepped. */
#define SLICE_MS 20

/* Times of the wall clock lie above, those of the monotonic one below: seconds. */
#define EPOCH_S 1000000000

/* The thread sanitizer's functions, which must see every wait, have no versions. */
static void *next(const char *name, const char *version) {
	if (!version || dlsym(RTLD_DEFAULT, "__tsan_init"))
		return dlsym(RTLD_NEXT, name);
	return dlvsym(RTLD_NEXT, name, version);
}

static bool is_ours(const char *path) {
	const char *part = getenv(FAULT_FILES);

	return part && strstr(path, part) != NULL;
}

static bool find_path(int descriptor, char path[PATH_MAX]) {
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
	ssize_t length = readlink(link, path, PATH_MAX - 1);
	if (length <= 0)
		return false;
	path[length] = '\0';
	return true;
}

static bool is_our_file(int descriptor) {
	char path[PATH_MAX];

	return find_path(descriptor, path) && is_ours(path);
}

static bool is_network(int descriptor) {
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	return getsockname(descriptor, (struct sockaddr *)&address, &length) == 0 &&
	       address.ss_family == AF_INET;
}

static void wait_ms(int ms) {
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	NEXT(nanosleep)(&pause, NULL);
}

/* Whether the call is to fail, with errno set; a killed process does not come back. */
static bool fails(struct fault_rule *rule) {
	if (!rule)
		return false;
	if (rule->action == FAULT_KILL)
		kill(getpid(), SIGKILL);
	if (rule->action == FAULT_DELAY) {
		wait_ms(rule->value);
		return false;
	}
	errno = rule->value;
	return true;
}

/* The rule for something that is about to be written. */
static struct fault_rule *rule_for(int descriptor) {
	if (is_our_file(descriptor))
		return fault_count(FAULT_WRITE);
	return is_network(descriptor) ? fault_count(FAULT_SEND) : NULL;
}

static size_t torn(const struct fault_rule *rule, size_t count) {
	return rule && rule->action == FAULT_KILL ? count / 2 : 0;
}

ssize_t write(int descriptor, const void *from, size_t count) {
	struct fault_rule *rule = rule_for(descriptor);

	if (torn(rule, count) > 0)
		(void)!NEXT(write)(descriptor, from, torn(rule, count));
	return fails(rule) ? -1 : NEXT(write)(descriptor, from, count);
}

ssize_t pwrite(int descriptor, const void *from, size_t count, off_t at) {
	struct fault_rule *rule = rule_for(descriptor);

	if (torn(rule, count) > 0)
		(void)!NEXT(pwrite)(descriptor, from, torn(rule, count), at);
	return fails(rule) ? -1 : NEXT(pwrite)(descriptor, from, count, at);
}

ssize_t pwrite64(int descriptor, const void *from, size_t count, off64_t at) {
	return pwrite(descriptor, from, count, at);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
	return fails(rule_for(descriptor)) ? -1 : NEXT(writev)(descriptor, parts, count);
}

ssize_t send(int descriptor, const void *from, size_t count, int flags) {
	return fails(rule_for(descriptor)) ? -1 : NEXT(send)(descriptor, from, count, flags);
}

int ftruncate(int descriptor, off_t length) {
	return fails(rule_for(descriptor)) ? -1 : NEXT(ftruncate)(descriptor, length);
}

int ftruncate64(int descriptor, off64_t length) {
	return ftruncate(descriptor, length);
}

static struct fault_rule *rule_for_sync(int descriptor) {
	return is_our_file(descriptor) ? fault_count(FAULT_SYNC) : NULL;
}

static bool copy(int from, int to) {
	char bytes[65536];
	off_t at = 0;
	ssize_t got;

	while ((got = pread(from, bytes, sizeof(bytes), at)) > 0) {
		if (NEXT(write)(to, bytes, (size_t)got) != got)
			return false;
		at += got;
	}
	return got == 0;
}

static bool has_copy(const char *path) {
	return fault_control && fault_control->copies && is_ours(path);
}

static void name_copy(const char *path, char name[PATH_MAX + 16]) {
	snprintf(name, PATH_MAX + 16, "%s" FAULT_SYNCED, path);
}

/* The copy is there before the sync returns, whole or the former one. */
static void copy_synced(int descriptor) {
	char path[PATH_MAX], name[PATH_MAX + 16], fresh[PATH_MAX + 32];

	if (!find_path(descriptor, path) || !has_copy(path))
		return;
	name_copy(path, name);
	snprintf(fresh, sizeof(fresh), "%s.%d", name, descriptor);
	int from = NEXT(open)(path, O_RDONLY | O_CLOEXEC);
	int to = NEXT(open)(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (copy(from, to))
		NEXT(rename)(fresh, name);
	close(from);
	close(to);
}

int fsync(int descriptor) {
	if (fails(rule_for_sync(descriptor)))
		return -1;
	int r = NEXT(fsync)(descriptor);
	if (r == 0)
		copy_synced(descriptor);
	return r;
}

int fdatasync(int descriptor) {
	if (fails(rule_for_sync(descriptor)))
		return -1;
	int r = NEXT(fdatasync)(descriptor);
	if (r == 0)
		copy_synced(descriptor);
	return r;
}

static struct fault_rule *rule_for_path(const char *path) {
	return is_ours(path) ? fault_count(FAULT_OPEN) : NULL;
}

int open(const char *path, int flags, ...) {
	va_list arguments;

	va_start(arguments, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	if ((flags & O_ACCMODE) != O_RDONLY && fails(rule_for_path(path)))
		return -1;
	return NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
	va_list arguments;

	va_start(arguments, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return open(path, flags | O_LARGEFILE, mode);
}

/* Another file of this name begins without a copy. */
int unlink(const char *path) {
	char name[PATH_MAX + 16];

	if (fails(rule_for_path(path)))
		return -1;
	if (has_copy(path)) {
		name_copy(path, name);
		NEXT(unlink)(name);
	}
	return NEXT(unlink)(path);
}

/* The copy goes along. */
int rename(const char *from, const char *to) {
	char names[2][PATH_MAX + 16];

	if (fails(rule_for_path(to)))
		return -1;
	int r = NEXT(rename)(from, to);
	if (r == 0 && has_copy(to)) {
		name_copy(from, names[0]);
		name_copy(to, names[1]);
		NEXT(rename)(names[0], names[1]);
	}
	return r;
}

/* --- The wall clock */

static int64_t offset_ms(void) {
	return fault_control ? fault_control->clock_ms : 0;
}

static void add_ms(struct timespec *time, int64_t ms) {
	int64_t ns = time->tv_nsec + ms % 1000 * 1000000;

	time->tv_sec += ms / 1000;
	if (ns < 0) {
		ns += 1000000000;
		time->tv_sec--;
	} else if (ns >= 1000000000) {
		ns -= 1000000000;
		time->tv_sec++;
	}
	time->tv_nsec = ns;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
	int r = NEXT(clock_gettime)(clock, now);

	if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		add_ms(now, offset_ms());
	return r;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
	struct timespec time;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &time);
	now->tv_sec = time.tv_sec;
	now->tv_usec = time.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *ret_now) {
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret_now)
		*ret_now = now.tv_sec;
	return now.tv_sec;
}

static bool is_over(const struct timespec *deadline) {
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec > deadline->tv_sec ||
	       (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

static struct timespec slice_end(void) {
	struct timespec end;

	NEXT(clock_gettime)(CLOCK_REALTIME, &end);
	add_ms(&end, SLICE_MS);
	return end;
}

/* As the kernel does: a clock that steps back makes a wait in progress longer, one that steps ahead
 * ends it. */
int pthread_cond_timedwait(
	pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline) {
	int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) =
		(__typeof__(wait))next("pthread_cond_timedwait", "GLIBC_2.3.2");
	int r = ETIMEDOUT;

	if (deadline->tv_sec < EPOCH_S)
		return wait(condition, mutex, deadline);
	while (r == ETIMEDOUT && !is_over(deadline)) {
		struct timespec end = slice_end();

		r = wait(condition, mutex, &end);
	}
	return r;
}

int sem_timedwait(sem_t *semaphore, const struct timespec *deadline) {
	int r = sem_trywait(semaphore);

	while (r < 0 && !is_over(deadline)) {
		struct timespec end = slice_end();

		r = NEXT(sem_timedwait)(semaphore, &end);
		if (r < 0 && errno != ETIMEDOUT)
			return r;
	}
	if (r < 0)
		errno = ETIMEDOUT;
	return r;
}
