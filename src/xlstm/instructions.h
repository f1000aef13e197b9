/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_INSTRUCTIONS_H
#define XLSTM_INSTRUCTIONS_H

#include "kernels/kernels.h"
#include "xlstm/step.h"

/* The kernels for these instructions; NULL where the processor lacks them. */
const struct kernels *kernels_for(enum xlstm_instructions instructions);

#endif
