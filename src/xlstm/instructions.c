/* SPDX-License-Identifier: Apache-2.0 */
#include "instructions.h"

#include <stdbool.h>

#ifdef __x86_64__

static bool has_avx2(void) {
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* NULL where they were not built or the processor has not got them. */
static const struct kernels *avx512(void) {
#ifdef WITH_AVX512
	if (has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
		__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
		return &kernels_avx512;
#endif
	return NULL;
}

const struct kernels *kernels_for(enum xlstm_instructions instructions) {
	switch (instructions) {
	case XLSTM_PORTABLE: return &kernels_portable;
	case XLSTM_AVX2: return has_avx2() ? &kernels_avx2 : NULL;
	case XLSTM_AVX512: return avx512();
	case XLSTM_BEST: break;
	}
	if (avx512())
		return avx512();
	return has_avx2() ? &kernels_avx2 : &kernels_portable;
}

#else

const struct kernels *kernels_for(enum xlstm_instructions instructions) {
	bool any = instructions == XLSTM_BEST || instructions == XLSTM_PORTABLE;
	return any ? &kernels_portable : NULL;
}

#endif
