/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels.h"

#define TEXT(name)          #name
#define TEXT_EXPANDED(name) TEXT(name)

const struct kernels KERNEL(kernels) = { .name = TEXT_EXPANDED(KERNEL_SET),
#define X(function, arguments) .function = KERNEL(function),
	KERNEL_LIST(X)
#undef X
};
