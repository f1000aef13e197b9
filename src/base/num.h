/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "span.h"

#include <stdint.h>

/* Room that any number written here fits into, terminator included. */
#define NUM_TEXT_MAX 32

/* Reads all of the span as a decimal floating-point number, whatever the locale; surrounding blanks
 * are allowed, hexadecimal, "nan" and "inf" are not. 0, E_SYNTAX, or E_NUMBER if it does not fit
 * a double. */
int num_read(struct span text, double *ret_value);

/* Reads all of the span as a decimal integer. 0, E_SYNTAX or E_NUMBER. */
int num_read_int(struct span text, int64_t *ret_value);

/* Writes value with seven significant digits, as short as JSON allows ("4.21", "1.5e-12"), without
 * a terminator. value must be finite. Returns the bytes written, below NUM_TEXT_MAX. Seven digits
 * are as many as a float32 tells; the hot path writes two hundred of them for a forecast. */
size_t num_write(char *to, double value);

/* Writes a finite value so that reading it gives the same double (room: NUM_TEXT_MAX). Returns the bytes
 * written. */
size_t num_write_exact(char *to, double value);

/* Writes an integer, without a terminator. Returns the bytes written. */
size_t num_write_int(char *to, int64_t value);

#endif
