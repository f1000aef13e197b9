/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_SHAPE_TEXT_H
#define XLSTM_SHAPE_TEXT_H

#include "xlstm/shape.h"

/* A shape as JSON, fields that are zero left out:
 *
 *	{"width":64,"blocks":[{"kind":"mlstm","heads":4,"taps":4,"inner":128}]}
 */

/* NULL without memory; the caller frees it. */
char *shape_write(const struct xlstm_shape *shape);

/* XLSTM_E_METADATA where the text is not a shape; a shape that cannot be is for
 * xlstm_shape_check() to refuse. */
int shape_read(struct xlstm_shape *ret_shape, const char *text);

#endif
