/* SPDX-License-Identifier: Apache-2.0 */
/* xlstmctl model: what is in a file of weights, and the published package's weights both ways. */
#include "model_versions.h"
#include "verbs.h"

#include "xlstm/xlstm.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"Usage: xlstmctl model show [--tensors] [--json] FILE\n"
	"       xlstmctl model import [--note KEY=TEXT]... [--json] FILE NEW\n"
	"       xlstmctl model export [--cuda] [--block] [--json] FILE NEW\n"
	"       xlstmctl model list [--database PATH] [--json]\n"
	"       xlstmctl model restore NAME [OPTION...]\n"
	"\n"
	"show    what a file of weights holds\n"
	"import  checks FILE, a state_dict of the published xLSTM package saved as safetensors or\n"
	"        a file of ours, and writes NEW as the daemon wants it\n"
	"export  writes NEW as a state_dict of the published package\n"
	"list    learned weights that the database keeps\n"
	"restore has the daemon go back to some of them; both have a --help of their own\n"
	"\n"
	"      --tensors        every tensor with its dimensions\n"
	"      --note KEY=TEXT  a note to write into NEW\n"
	"      --cuda           recurrent kernels as the package's CUDA backend wants them\n"
	"      --block          a single block, without \"blocks.0.\" before its names\n"
	"      --json           print JSON\n"
	"  -h, --help           print this\n";

#define NOTES_MAX 64

struct request {
	const char *from, *to;
	char *notes[NOTES_MAX]; /* "KEY=TEXT" */
	size_t note_count;
	unsigned int flags; /* of xlstm_weights_export() */
	bool tensors, json;
};

static int failure(const char *path, int code, const char *where) {
	fprintf(stderr, "xlstmctl: %s: %s%s%s\n", path, xlstm_error_text(code), *where ? ": " : "",
		where);
	return VERB_FAILED;
}

static void add_note(void *context, const char *key, const char *value) {
	json_object_set_new(context, key, json_string(value));
}

static json_t *describe_tensors(const struct xlstm_weights *weights) {
	json_t *tensors = json_array();
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(weights, i);
		json_t *dims = json_array();
		for (uint32_t j = 0; j < tensor.dimension_count; j++)
			json_array_append_new(dims, json_integer(tensor.dims[j]));
		json_array_append_new(
			tensors, json_pack("{s:s, s:o}", "name", tensor.name, "shape", dims));
	}
	return tensors;
}

static size_t parameters(const struct xlstm_weights *weights) {
	size_t sum = 0;
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++)
		sum += xlstm_tensor_at(weights, i).count;
	return sum;
}

/* Everything that is printed, in order. NULL without memory. */
static json_t *describe(const char *path, const struct xlstm_weights *weights, bool tensors) {
	struct xlstm_model *model = NULL;
	json_t *notes = json_object();
	char *shape = xlstm_shape_text(xlstm_weights_shape(weights));
	char identity[17];
	if (!shape || xlstm_model_create(&model, weights) < 0) {
		free(shape);
		json_decref(notes);
		return NULL;
	}

	snprintf(identity, sizeof(identity), "%016" PRIx64, xlstm_weights_identity(weights));
	xlstm_notes(weights, add_note, notes);
	json_t *description = json_pack("{s:s, s:s, s:I, s:I, s:o, s:o}", "file", path, "identity",
		identity, "parameters", (json_int_t)parameters(weights), "state_bytes",
		(json_int_t)xlstm_state_size(model), "shape", json_loads(shape, 0, NULL), "notes",
		notes);
	if (description && tensors)
		json_object_set_new(description, "tensors", describe_tensors(weights));
	xlstm_model_unref(model);
	free(shape);
	return description;
}

/* A value on the rest of the line: words as they are, objects as "key value" pairs. */
static void print_value(const json_t *value) {
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_string(value))
		printf(" %s", json_string_value(value));
	if (json_is_integer(value))
		printf(" %" JSON_INTEGER_FORMAT, json_integer_value(value));
	json_array_foreach(value, i, member) {
		print_value(member);
	}
	json_object_foreach((json_t *)(uintptr_t)value, key, member) {
		if (strcmp(key, "kind") != 0)
			printf(" %s", key);
		print_value(member);
	}
}

/* One line for each member, one for each element of its lists. */
static void print_lines(const json_t *description) {
	const char *key;
	json_t *member, *element;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)description, key, member) {
		if (json_is_array(member)) {
			json_array_foreach(member, i, element) {
				printf("%s.%zu", key, i);
				print_value(element);
				putchar('\n');
			}
		} else if (json_is_object(member)) {
			print_lines(member);
		} else {
			printf("%s", key);
			print_value(member);
			putchar('\n');
		}
	}
}

static int print_weights(
	const char *path, const struct xlstm_weights *weights, const struct request *request) {
	json_t *description = describe(path, weights, request->tensors);
	if (!description)
		return failure(path, -ENOMEM, "");
	if (request->json) {
		json_dumpf(description, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		print_lines(description);
	}
	json_decref(description);
	return VERB_OK;
}

static int show(struct xlstm_weights *weights, const struct request *request) {
	return print_weights(request->from, weights, request);
}

static int set_notes(struct xlstm_weights *weights, const struct request *request) {
	for (size_t i = 0; i < request->note_count; i++) {
		char *value = strchr(request->notes[i], '=');
		*value++ = '\0';
		int r = xlstm_note_set(weights, request->notes[i], value);
		if (r < 0)
			return failure(request->to, r, request->notes[i]);
	}
	return VERB_OK;
}

static int import(struct xlstm_weights *weights, const struct request *request) {
	struct xlstm_weights *copy;
	int r = xlstm_weights_clone(&copy, weights);
	if (r < 0)
		return failure(request->from, r, "");

	int status = set_notes(copy, request);
	if (status == VERB_OK) {
		r = xlstm_weights_save(copy, request->to);
		status = r < 0 ? failure(request->to, r, "")
			       : print_weights(request->to, copy, request);
	}
	xlstm_weights_destroy(copy);
	return status;
}

static int export(struct xlstm_weights *weights, const struct request *request) {
	int r = xlstm_weights_export(weights, request->to, request->flags);
	return r < 0 ? failure(request->to, r, "") : print_weights(request->to, weights, request);
}

static const struct action {
	const char *name;
	int paths; /* that it takes */
	const char *options; /* letters of those that it takes */
	int (*run)(struct xlstm_weights *weights, const struct request *request);
} actions[] = {
	{ "show", 1, "tj", show },
	{ "import", 2, "nj", import },
	{ "export", 2, "cbj", export },
};

static int usage_error(const char *problem, const char *what) {
	fprintf(stderr, "xlstmctl model: %s%s; see xlstmctl model --help\n", problem, what);
	return VERB_USAGE;
}

static const struct action *find_action(const char *name) {
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(actions[i].name, name))
			return &actions[i];
	return NULL;
}

static int take_note(struct request *request, char *text) {
	if (!strchr(text, '=') || request->note_count == NOTES_MAX)
		return usage_error("not KEY=TEXT, or too many: ", text);
	request->notes[request->note_count++] = text;
	return -1;
}

/* -1: go on; else the exit status. */
static int take_option(struct request *request, const struct action *action, int option) {
	if (option == 'h') {
		fputs(usage, stdout);
		return VERB_OK;
	}
	if (!strchr(action->options, option))
		return usage_error("wrong option for ", action->name);
	switch (option) {
	case 't': request->tensors = true; break;
	case 'j': request->json = true; break;
	case 'c': request->flags |= XLSTM_PUBLISHED_CUDA; break;
	case 'b': request->flags |= XLSTM_PUBLISHED_BLOCK; break;
	case 'n': return take_note(request, optarg);
	}
	return -1;
}

/* -1: go on; else the exit status. */
static int parse_options(
	struct request *request, const struct action *action, int argc, char **argv) {
	static const struct option options[] = {
		{ "tensors", no_argument, NULL, 't' },
		{ "note", required_argument, NULL, 'n' },
		{ "cuda", no_argument, NULL, 'c' },
		{ "block", no_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == '?')
			return usage_error("wrong option: ", argv[optind - 1]);
		int status = take_option(request, action, option);
		if (status >= 0)
			return status;
	}
	if (argc - optind != action->paths)
		return usage_error("wrong number of files for ", action->name);
	request->from = argv[optind];
	request->to = argv[argc - 1];
	return -1;
}

int model_run(int argc, char **argv) {
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return VERB_OK;
	}
	if (argc > 1 && !strcmp(argv[1], "list"))
		return model_list_run(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "restore"))
		return model_restore_run(argc - 1, argv + 1);
	const struct action *action = argc > 1 ? find_action(argv[1]) : NULL;
	if (!action)
		return usage_error("show, import, export, list or restore, not ",
			argc > 1 ? argv[1] : "nothing");

	struct request request = { .from = NULL };
	int status = parse_options(&request, action, argc - 1, argv + 1);
	if (status >= 0)
		return status;

	struct xlstm_weights *weights;
	struct xlstm_fault fault;
	int r = xlstm_weights_open(&weights, request.from, &fault);
	if (r < 0)
		return failure(request.from, r, fault.where);
	status = action->run(weights, &request);
	xlstm_weights_destroy(weights);
	return status;
}
