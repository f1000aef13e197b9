/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_SHAPE_TEXT_H
#define XLSTM_SHAPE_TEXT_H

#include "xlstm/file.h"

/* The inverse of xlstm_shape_text():
 *
 *	{"width":64,"blocks":[{"kind":"mlstm","heads":4,"taps":4,"inner":128}]}
 *
 * XLSTM_E_METADATA where the text is not a shape; a shape that cannot be is for
 * xlstm_shape_check() to refuse. */
int shape_read(struct xlstm_shape *ret_shape, const char *text);

#endif
