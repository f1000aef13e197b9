/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_ERROR_H
#define XLSTM_ERROR_H

/*
 * Functions that can fail return 0, -errno for what the system reports (-ENOMEM), or one of
 * these codes, each named after the one thing that is wrong.
 */
#define XLSTM_ERRORS(X)                                                                            \
	/* Shapes. */                                                                              \
	X(XLSTM_E_BLOCKS, -2001, "blocks", "number of blocks is not 1 to 64")                      \
	X(XLSTM_E_WIDTH, -2002, "width", "width is not 1 to 8192")                                 \
	X(XLSTM_E_KIND, -2003, "kind", "kind of block is unknown")                                 \
	X(XLSTM_E_HEADS, -2004, "heads", "heads do not divide the width that they share")          \
	X(XLSTM_E_TAPS, -2005, "taps", "convolution has more than 16 taps")                        \
	X(XLSTM_E_INNER, -2006, "inner", "inner width is not a multiple of 4, or above 16384")     \
	X(XLSTM_E_FEEDFORWARD, -2007, "feedforward", "feed-forward width missing or above 32768")  \
	X(XLSTM_E_PROJECTION, -2008, "projection", "inputs or outputs above 65536")                \
	X(XLSTM_E_UNUSED, -2009, "unused", "a field is set that this kind of block does not use")  \
	/* Tensors. */                                                                             \
	X(XLSTM_E_NAME, -2020, "name", "the model has no tensor of this name")                     \
	X(XLSTM_E_COUNT, -2021, "count", "tensor has another number of values")                    \
	X(XLSTM_E_NOT_FINITE, -2022, "not_finite", "tensor holds a value that is not finite")      \
	/* Machines. */                                                                            \
	X(XLSTM_E_INSTRUCTIONS, -2030, "instructions", "processor lacks the instructions asked for")

#define XLSTM_ERROR_ENUM(code, value, name, text) code = (value),
enum xlstm_error { XLSTM_ERRORS(XLSTM_ERROR_ENUM) };
#undef XLSTM_ERROR_ENUM

/* Short name in lower case: "heads"; "system" for -errno, "ok" for what is not an error. */
const char *xlstm_error_name(int code);

/* One phrase for people. */
const char *xlstm_error_text(int code);

#endif
