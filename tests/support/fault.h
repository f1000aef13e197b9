/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_FAULT_H
#define SUPPORT_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Faults of the system under a real, unchanged process. Two libraries to be preloaded stand between
 * the process and libc and do as a page of shared memory says, which the test changes while the
 * process runs:
 *
 *   libfault_system   files and sockets fail, are slow, or are the moment at which the process is
 *                     killed; the wall clock steps
 *   libfault_memory   allocations fail, and what is not freed by the end is counted (not together
 *                     with sanitizers, which have their own)
 */

/* What can be counted and made to fail. Of files only those whose path contains FAULT_FILES. */
enum fault_call {
	FAULT_WRITE, /* to a file; truncation, too */
	FAULT_SYNC,
	FAULT_SEND, /* to a socket that is not a local one */
	FAULT_OPEN, /* of a file to be written, its removal, its renaming */
	FAULT_ALLOCATE,
	FAULT_CALLS
};

enum fault_action {
	FAULT_ERROR, /* fails with `value` as errno */
	FAULT_KILL, /* SIGKILL, after half of the bytes of a write */
	FAULT_DELAY, /* takes `value` milliseconds longer */
};

struct fault_rule {
	_Atomic uint64_t calls; /* so far */
	_Atomic uint64_t first; /* call that the fault begins with, from 1; 0: none */
	_Atomic uint64_t last; /* and ends with */
	_Atomic int action;
	_Atomic int value;
	_Atomic uint64_t hits;
};

/* What a process that ended by exit() had allocated and not freed. */
struct fault_left {
	_Atomic bool counted;
	_Atomic uint64_t blocks;
	_Atomic uint64_t bytes;
	_Atomic uint64_t usual; /* blocks; of more than these the process says who allocated them */
};

struct fault_control {
	struct fault_rule rules[FAULT_CALLS];
	_Atomic int64_t clock_ms; /* added to the wall clock */
	_Atomic bool
		copies; /* what a sync has brought to the device is copied to path FAULT_SYNCED */
	struct fault_left left;
};

/* Names of environment variables: the file that holds the page; part of the files' paths. */
#define FAULT_CONTROL "FAULT_CONTROL"
#define FAULT_FILES   "FAULT_FILES"

/* What is appended to the path of a file for that of its copy. */
#define FAULT_SYNCED ".synced"

/* For the test: makes the page in this file and maps it; ends the test program if it can't. */
struct fault_control *fault_open(const char *path);
void fault_close(struct fault_control *control);

/* Call number `nth` from now (1: the next) and `count` in all. */
void fault_arm(struct fault_control *control, enum fault_call call, uint64_t nth, uint64_t count,
	enum fault_action action, int value);
#define FAULT_FOR_EVER UINT64_MAX

/* No fault any more. */
void fault_heal(struct fault_control *control);

#endif
