/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_STATE_H
#define FORECAST_STATE_H

#include "row_layout.h"

/*
 * A row as bytes that outlive the program: a header with version, identity of the layout, length
 * and check sum, then the row without its trailing zeros (parts that were never used). Byte order
 * and number formats are the machine's, which the identity covers.
 */
size_t state_size(const struct row_layout *layout, const void *row);
void state_save(const struct row_layout *layout, const void *row, void *to);

/* 0, E_VERSION, E_MISMATCH or E_CORRUPT; the row is unchanged unless 0. */
int state_load(const struct row_layout *layout, void *row, const void *from, size_t size);

#endif
