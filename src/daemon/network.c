/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include "error.h"
#include "log.h"

#include "xlstm/error.h"
#include "xlstm/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The path to open, or NULL for no network. */
static const char *find(const char *from) {
	if (strcmp(from, "none") == 0)
		return NULL;
	if (strcmp(from, "auto") != 0)
		return from;
	return access(MODEL_SHIPPED, R_OK) == 0 ? MODEL_SHIPPED : NULL;
}

/* Of the file itself where the path is a link, as that of the installed weights is. */
static void write_name(const char *path, struct text *name) {
	char *real = realpath(path, NULL);
	const char *file = real ? real : path;
	const char *slash = strrchr(file, '/');
	struct span rest = span_text(slash ? slash + 1 : file);

	text_add(name, span_cut(&rest, '.'));
	free(real);
}

static int open_file(const char *path, struct xlstm_model **ret_model) {
	struct xlstm_weights *weights;
	struct xlstm_fault fault = { "" };

	int r = xlstm_weights_open(&weights, path, &fault);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		log_error("model %s: %s %s", path, xlstm_error_text(r), fault.where);
		return E_CONFIG;
	}
	r = xlstm_model_create(ret_model, weights);
	xlstm_weights_destroy(weights);
	return r;
}

int network_open(const char *from, struct xlstm_model **ret_model, struct text *name) {
	const char *path = find(from);
	if (!path) {
		text_add(name, SPAN("none"));
		*ret_model = NULL;
		return text_failed(name) ? -ENOMEM : 0;
	}

	int r = open_file(path, ret_model);
	if (r < 0)
		return r;

	write_name(path, name);
	if (text_failed(name)) {
		xlstm_model_unref(*ret_model);
		return -ENOMEM;
	}
	return 0;
}
