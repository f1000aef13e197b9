/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DAEMON_CAUGHT_LOG_H
#define TESTS_DAEMON_CAUGHT_LOG_H

/* What is logged goes to a file meanwhile. Before and after each test, else cmocka's own complaints go there, too. */
int catch_log(void **state);
int release_log(void **state);

/* All that has been logged, each line with its priority ("<4>..."), in a buffer that the next call overwrites. */
const char *caught_log(void);

/* How many lines hold this text; "": all. */
int lines_logged(const char *text);

#endif
