/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_NETWORK_H
#define DAEMON_NETWORK_H

#include "text.h"

#include "xlstm/model.h"

/*
 * Opens the network that `[forecast] model` names: a file of weights; "auto", the weights that were
 * installed with the program, if they were; "none". *ret_model is NULL for none, else the caller's.
 * `name` is what forecasts call it: the file's name without what follows the dot, or "none".
 * 0, -ENOMEM, or E_CONFIG after a line in the log.
 */
int network_open(const char *from, struct xlstm_model **ret_model, struct text *name);

#endif
