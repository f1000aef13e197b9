/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* Starts a thread with every signal blocked: they are the main thread's. 0 or -errno. */
int thread_start(pthread_t *ret_thread, void *(*run)(void *context), void *context);

#endif
