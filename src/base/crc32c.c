/* SPDX-License-Identifier: Apache-2.0 */
#include "crc32c.h"

#include <string.h>

/* The reversed Castagnoli polynomial. */
#define POLYNOMIAL UINT32_C(0x82f63b78)

static uint32_t crc32c_portable(uint32_t crc, const uint8_t *data, size_t length) {
	for (size_t i = 0; i < length; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (POLYNOMIAL & (0 - (crc & 1)));
	}
	return crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(
	uint32_t crc, const uint8_t *data, size_t length) {
	uint64_t wide = crc;

	for (; length >= 8; data += 8, length -= 8) {
		uint64_t word;
		memcpy(&word, data, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}

	crc = (uint32_t)wide;
	for (; length > 0; data++, length--)
		crc = __builtin_ia32_crc32qi(crc, *data);
	return crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t length) {
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc32c_sse42(~crc, data, length);
	return ~crc32c_portable(~crc, data, length);
}

#else

uint32_t crc32c(uint32_t crc, const void *data, size_t length) {
	return ~crc32c_portable(~crc, data, length);
}

#endif
