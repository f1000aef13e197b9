/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_WEIGHTS_FILE_H
#define XLSTM_WEIGHTS_FILE_H

#include "xlstm/weights.h"

/* The keys of our metadata; all others are notes. A version that this library does not know is
 * refused, never guessed at. */
#define FILE_KEY_PREFIX   "xlstm_"
#define FILE_KEY_VERSION  FILE_KEY_PREFIX "version"
#define FILE_KEY_SHAPE    FILE_KEY_PREFIX "shape"
#define FILE_KEY_IDENTITY FILE_KEY_PREFIX "identity"
#define FILE_VERSION      "1"

/* The identity as 16 hexadecimal digits. */
#define FILE_IDENTITY_SIZE 17
void file_identity(char to[FILE_IDENTITY_SIZE], const struct xlstm_weights *weights);

#endif
