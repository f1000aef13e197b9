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

/* The instruction takes three cycles, but another may begin in each: long data are three parts at once. */
#define PARTS_MIN 4096

/* A polynomial modulo POLYNOMIAL: the highest bit is the coefficient of x^0. */
#define X_0 (UINT32_C(1) << 31)
#define X_8 (UINT32_C(1) << 23)

/* The product of two, modulo POLYNOMIAL. */
static uint32_t multiply(uint32_t a, uint32_t b) {
	uint32_t product = 0;

	for (; a; a <<= 1) {
		if (a & X_0)
			product ^= b;
		b = b >> 1 ^ (POLYNOMIAL & (0 - (b & 1)));
	}
	return product;
}

/* What a register is multiplied by when so many zero bytes go through it. */
static uint32_t zeros(size_t bytes) {
	uint32_t product = X_0;

	for (uint32_t power = X_8; bytes > 0; bytes >>= 1) {
		if (bytes & 1)
			product = multiply(product, power);
		power = multiply(power, power);
	}
	return product;
}

static uint64_t word_at(const uint8_t *data) {
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	return word;
}

/* Three parts of so many bytes each, a multiple of 8, one behind the other. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_parts(
	uint32_t crc, const uint8_t *data, size_t part) {
	uint64_t first = crc, second = 0, third = 0;

	for (const uint8_t *end = data + part; data < end; data += 8) {
		first = __builtin_ia32_crc32di(first, word_at(data));
		second = __builtin_ia32_crc32di(second, word_at(data + part));
		third = __builtin_ia32_crc32di(third, word_at(data + 2 * part));
	}
	uint32_t shift = zeros(part);
	crc = multiply((uint32_t)first, shift) ^ (uint32_t)second;
	return multiply(crc, shift) ^ (uint32_t)third;
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(
	uint32_t crc, const uint8_t *data, size_t length) {
	if (length >= PARTS_MIN) {
		size_t part = length / 3 / 8 * 8;
		crc = crc32c_parts(crc, data, part);
		data += 3 * part;
		length -= 3 * part;
	}
	uint64_t wide = crc;
	for (; length >= 8; data += 8, length -= 8)
		wide = __builtin_ia32_crc32di(wide, word_at(data));

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
