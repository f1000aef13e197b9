/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_MODEL_VERSIONS_H
#define CLI_MODEL_VERSIONS_H

/* xlstmctl model list: the learned weights in the database. argv[0] is "list". */
int model_list_run(int argc, char **argv);

/* xlstmctl model restore: asks the daemon to go back to one of them. */
int model_restore_run(int argc, char **argv);

#endif
