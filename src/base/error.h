/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/*
 * Every function that can fail returns an int: 0 or a positive result, -errno for what the
 * system reports, or one of our own codes below -1000, named after what the caller can do
 * about it. Codes of refused readings are counted by name in `stats`.
 */
#define ERRORS(X)                                                                                  \
	/* Refused readings and payloads. */                                                       \
	X(E_LATE, -1001, "late", "older than the detector's clock accepts")                        \
	X(E_DUPLICATE, -1002, "duplicate", "repeats a reading that has been worked off")           \
	X(E_TIME, -1003, "absurd_time", "time is not one, or too far from now")                    \
	X(E_NUMBER, -1004, "not_a_number", "value is not a finite number")                         \
	X(E_ENCODING, -1005, "not_utf8", "text is not valid UTF-8")                                \
	X(E_SYNTAX, -1006, "syntax", "payload does not parse in the source's format")              \
	X(E_FORMAT, -1007, "unknown_format", "payload's format was not recognised")                \
	X(E_EMPTY, -1008, "empty", "payload holds no reading")                                     \
	X(E_TOO_LARGE, -1009, "too_large", "larger than the limit")                                \
	X(E_NAME, -1010, "bad_name", "name is empty, too long or holds control characters")        \
	X(E_NO_SOURCE, -1011, "no_source", "topic matches no configured source")                   \
	X(E_TOO_MANY_SERIES, -1012, "too_many_series", "limit of series reached")                  \
	X(E_TOO_MANY_CHANNELS, -1013, "too_many_channels", "limit of channels reached")            \
	X(E_OVERFLOW, -1014, "overflow", "queue full; shed by the stated rule")                    \
	X(E_RETAINED, -1015, "retained",                                                           \
		"kept by the broker for who knows how long, without a time")                       \
	/* Files, databases, configuration. */                                                     \
	X(E_CORRUPT, -1020, "corrupt", "content is damaged")                                       \
	X(E_VERSION, -1021, "version", "written by a version that this one does not know")         \
	X(E_MISMATCH, -1022, "mismatch", "belongs to a different model or layout")                 \
	X(E_CONFIG, -1023, "configuration", "configuration is wrong")                              \
	X(E_IN_USE, -1024, "in_use", "another process holds it")                                   \
	X(E_NOT_FOUND, -1025, "not_found", "no such thing")                                        \
	X(E_STORE, -1026, "store", "the database reported an error")                               \
	X(E_BROKER, -1027, "broker", "the MQTT broker refused or is away")                         \
	X(E_DISABLED, -1028, "disabled", "switched off by configuration")                          \
	X(E_USAGE, -1029, "usage", "wrong usage")

#define ERROR_ENUM(code, value, name, text) code = (value),
enum error { ERRORS(ERROR_ENUM) };
#undef ERROR_ENUM

/* Short name in lower case, as counted in `stats`: "late"; "errno_28" for -ENOSPC. The result for
 * system errors lies in a buffer of the calling thread, valid until its next call. */
const char *error_name(int code);

/* One phrase for people: "older than the detector's clock accepts", or strerror's. */
const char *error_text(int code);

/* All our own codes, for tables of counters: error_count() of them, error_at(i) for i below that;
 * error_index(code) is the inverse, or -1 for a system error. */
int error_count(void);
int error_at(int index);
int error_index(int code);

#endif
