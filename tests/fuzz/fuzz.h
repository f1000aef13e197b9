/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "span.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A fuzz target takes any bytes and asserts a property. clang's libFuzzer runs it for as long as
 * one likes (-Dfuzzers=true); driver.c runs it over the corpus and some mutations of it in the
 * ordinary tests.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The property does not hold: whoever runs the target sees it die. */
#define FUZZ_ASSERT(condition)                                                                     \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Takes bytes from the front of the input; zero at its end. */
static inline uint8_t fuzz_take(struct span *input) {
	if (input->length == 0)
		return 0;
	input->length--;
	return (uint8_t)*input->data++;
}

#endif
