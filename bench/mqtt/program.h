/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#include <stdint.h>
#include <sys/types.h>

/* Starts a program with its output in the file `log`. Ends the benchmark if it can't. */
pid_t program_start(const char *const arguments[], const char *log);

/* SIGTERM, and waits. Returns the exit status as waitpid tells it. */
int program_end(pid_t pid);

/* Nanoseconds of CPU that the threads of this name have used; all of the process's with NULL. */
uint64_t program_cpu_ns(pid_t pid, const char *name);

#endif
