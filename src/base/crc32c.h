/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4) of the bytes, continuing from `crc` (0 to start).
 * Uses the processor's instruction where there is one. */
uint32_t crc32c(uint32_t crc, const void *data, size_t length);

#endif
