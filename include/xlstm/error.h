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
	X(XLSTM_E_PROJECTION, -2008, "projection", "inputs, outputs or hidden above 65536")        \
	X(XLSTM_E_NORM, -2010, "norm", "kind of norm is unknown")                                  \
	X(XLSTM_E_ACTIVATION, -2011, "activation", "activation is unknown")                        \
	X(XLSTM_E_MEMORY, -2012, "memory", "kind of memory is unknown")                            \
	X(XLSTM_E_ARRANGEMENT, -2013, "arrangement", "arrangement of a block is unknown")          \
	X(XLSTM_E_KEYS, -2014, "keys",                                                             \
		"width of the keys is missing, above 16384, or not shared by the heads")           \
	X(XLSTM_E_INPUT_GATE, -2015, "input_gate", "kind of input gate is unknown")                \
	X(XLSTM_E_POOL, -2016, "pool",                                                             \
		"kind of pooling is unknown, or its keys are missing or above 8192")               \
	X(XLSTM_E_UNUSED, -2009, "unused", "a field is set that this kind of block does not use")  \
	/* Tensors. */                                                                             \
	X(XLSTM_E_NAME, -2020, "name", "the model has no tensor of this name")                     \
	X(XLSTM_E_COUNT, -2021, "count", "tensor has another number of values")                    \
	X(XLSTM_E_NOT_FINITE, -2022, "not_finite", "tensor holds a value that is not finite")      \
	X(XLSTM_E_READ_ONLY, -2023, "read_only", "weights are mapped from a file: clone them")     \
	X(XLSTM_E_NOTE, -2024, "note", "key or value of a note is reserved or not UTF-8")          \
	/* Machines. */                                                                            \
	X(XLSTM_E_INSTRUCTIONS, -2030, "instructions",                                             \
		"processor lacks the instructions asked for")                                      \
	/* Files. */                                                                               \
	X(XLSTM_E_REGULAR, -2040, "regular", "not a regular file")                                 \
	X(XLSTM_E_TRUNCATED, -2041, "truncated", "file ends inside its header")                    \
	X(XLSTM_E_HEADER_SIZE, -2042, "header_size", "header is larger than 4 MiB")                \
	X(XLSTM_E_HEADER, -2043, "header", "header is not the JSON of a safetensors file")         \
	X(XLSTM_E_DUPLICATE, -2044, "duplicate", "two tensors or keys have the same name")         \
	X(XLSTM_E_TYPE, -2045, "type", "type of a tensor is not F32, BF16 or F16")                 \
	X(XLSTM_E_BOUNDS, -2046, "bounds",                                                         \
		"tensor lies outside of the file, which may be cut off")                           \
	X(XLSTM_E_ALIGNMENT, -2047, "alignment",                                                   \
		"tensor does not start on a multiple of its type")                                 \
	X(XLSTM_E_OVERLAP, -2048, "overlap", "two tensors share bytes")                            \
	X(XLSTM_E_GAP, -2049, "gap", "bytes between tensors belong to none")                       \
	X(XLSTM_E_TRAILING, -2050, "trailing", "bytes follow the last tensor")                     \
	X(XLSTM_E_DIMENSIONS, -2051, "dimensions",                                                 \
		"tensor has other dimensions than the shape says")                                 \
	X(XLSTM_E_MISSING, -2052, "missing", "tensor of the shape is missing")                     \
	X(XLSTM_E_FOREIGN, -2053, "foreign", "tensors are not those of an xLSTM stack or block")   \
	X(XLSTM_E_VERSION, -2054, "version", "version of the file is unknown")                     \
	X(XLSTM_E_METADATA, -2055, "metadata", "metadata of the file is incomplete or damaged")    \
	X(XLSTM_E_IDENTITY, -2056, "identity", "checksum differs: not the weights that were saved")

#define XLSTM_ERROR_ENUM(code, value, name, text) code = (value),
enum xlstm_error { XLSTM_ERRORS(XLSTM_ERROR_ENUM) };
#undef XLSTM_ERROR_ENUM

/* Short name in lower case: "heads"; "system" for -errno, "ok" for what is not an error. */
const char *xlstm_error_name(int code);

/* One phrase for people. */
const char *xlstm_error_text(int code);

#endif
