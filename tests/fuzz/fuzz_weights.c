/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file of weights: a named error, or weights that make a model and come back from
 * a file of ours, mapped, as they were. */
#include "fuzz.h"

#include "xlstm/xlstm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void remove_file(void) {
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

static void make_path(void) {
	if (path[0])
		return;
	snprintf(path, sizeof(path), "/tmp/fuzz-weights-XXXXXX");
	FUZZ_ASSERT(mkdtemp(path));
	strcat(path, "/file");
	atexit(remove_file);
}

static void come_back(const struct xlstm_weights *weights) {
	struct xlstm_weights *back;
	make_path();
	FUZZ_ASSERT(xlstm_weights_save(weights, path) == 0);
	FUZZ_ASSERT(xlstm_weights_open(&back, path, NULL) == 0);
	FUZZ_ASSERT(xlstm_weights_identity(back) == xlstm_weights_identity(weights));
	xlstm_weights_destroy(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct xlstm_weights *weights;
	struct xlstm_model *model;
	struct xlstm_fault fault;
	int r = xlstm_weights_parse(&weights, data, size, &fault);
	if (r < 0) {
		FUZZ_ASSERT(strcmp(xlstm_error_name(r), "system") != 0);
		FUZZ_ASSERT(memchr(fault.where, '\0', sizeof(fault.where)) != NULL);
		return 0;
	}

	FUZZ_ASSERT(xlstm_shape_check(xlstm_weights_shape(weights)) == 0);
	FUZZ_ASSERT(xlstm_model_create(&model, weights) == 0);
	xlstm_model_unref(model);
	/* Writing waits for the disk: one input in many, always the same ones. */
	if (xlstm_weights_identity(weights) % 64 == 0)
		come_back(weights);
	xlstm_weights_destroy(weights);
	return 0;
}
