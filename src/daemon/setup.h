/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_SETUP_H
#define DAEMON_SETUP_H

#include "app.h"

/* Exit statuses. The unit file names those after which a restart is of no use. */
enum exit_status {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_FAILED = 1, /* something broke; a restart may help */
	EXIT_STATUS_USAGE = 2, /* the command line is wrong */
	EXIT_STATUS_DATA = 65, /* the database is damaged or of another version */
	EXIT_STATUS_IN_USE = 75, /* another process has the database */
	EXIT_STATUS_CONFIG = 78, /* the configuration is wrong */
};

/* Builds everything that the configuration asks for, in the order of dependence; the database has
 * been read back when it returns, nothing is connected yet. Logs what goes wrong. Returns an exit
 * status; unless 0, setup_finish is still to be called. */
int setup_init(struct app *app);

/* Takes everything down, in reverse. Fine on an app that was set up half-way. */
void setup_finish(struct app *app);

/* What the writer takes from the configuration; again after a reload. */
struct writer_options setup_writer_options(struct app *app);

#endif
