/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_XLSTM_H
#define XLSTM_XLSTM_H

/* libxlstm: extended long short-term memory (Beck et al. 2024). No threads, logs, clocks or
 * globals; errors are returned. */
#include "xlstm/error.h"
#include "xlstm/file.h"
#include "xlstm/model.h"
#include "xlstm/pool.h"
#include "xlstm/shape.h"
#include "xlstm/step.h"
#include "xlstm/train.h"
#include "xlstm/weights.h"
#include "xlstm/window.h"

#endif
