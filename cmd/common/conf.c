/* SPDX-License-Identifier: ISC */
#include "conf.h"

#include "base/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* getopt's numbers: letters below, then --config, then the table's options. */
enum {
	VAL_CONFIG = 256,
	VAL_OWN,
};

static const struct option common_options[] = {
    {"config", required_argument, NULL, VAL_CONFIG},
    {"check", no_argument, NULL, 'n'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

#define LETTERS "+nhV"

struct getopt_table {
	struct option longs[CONF_OPTIONS_MAX +
			    sizeof(common_options) / sizeof(common_options[0])];
};

static int
set_uint(const struct conf_option *o, const char *value, uint64_t *out,
    struct mesh_diag *diag)
{
	uint64_t max = o->max ? o->max : UINT64_MAX;

	if (mesh_parse_u64(mesh_str(value), max, out) == MESH_OK)
		return MESH_OK;
	return mesh_fail(diag, MESH_ERR_FORMAT,
	    "%s: '%.40s' is not a number up to %" PRIu64, o->name, value, max);
}

static int
set_flag(const struct conf_option *o, const char *value, bool *out,
    struct mesh_diag *diag)
{
	bool on = value == NULL || !strcmp(value, "true");

	if (!on && strcmp(value, "false") != 0)
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "%s: '%.40s' is neither true nor false", o->name, value);
	*out = on;
	return MESH_OK;
}

static int
set_duration(const struct conf_option *o, const char *value, uint64_t *out,
    struct mesh_diag *diag)
{
	if (mesh_parse_duration(mesh_str(value), out) == MESH_OK)
		return MESH_OK;
	return mesh_fail(diag, MESH_ERR_FORMAT,
	    "%s: '%.40s' is not a duration like 10s or 1h", o->name, value);
}

static int
set_list(const struct conf_option *o, const char *value, struct conf_list *out,
    struct mesh_diag *diag)
{
	if (out->count == CONF_LIST_MAX)
		return mesh_fail(diag, MESH_ERR_LIMIT,
		    "%s: more than %u values", o->name, CONF_LIST_MAX);
	out->values[out->count++] = value;
	return MESH_OK;
}

int
conf_set(const struct conf_option *o, const char *value, void *opts,
    struct mesh_diag *diag)
{
	void *field = (char *)opts + o->offset;

	switch (o->kind) {
	case CONF_STRING:
		*(const char **)field = value;
		return MESH_OK;
	case CONF_FLAG:
		return set_flag(o, value, field, diag);
	case CONF_UINT:
		return set_uint(o, value, field, diag);
	case CONF_DURATION:
		return set_duration(o, value, field, diag);
	case CONF_LIST:
		return set_list(o, value, field, diag);
	}
	return MESH_ERR_INTERNAL;
}

const struct conf_option *
conf_find(const struct conf_option *options, const char *name)
{
	for (; options->name != NULL; options++)
		if (!strcmp(options->name, name))
			return options;
	return NULL;
}

static const void *
field_of(const struct conf_option *o, const void *opts)
{
	return (const char *)opts + o->offset;
}

static bool
is_missing(const struct conf_option *o, const void *opts)
{
	return o->required && o->kind == CONF_STRING &&
	       *(const char *const *)field_of(o, opts) == NULL;
}

static void
print_help(const struct conf_program *p)
{
	static const char *const common[][2] = {
	    {"--config FILE", "options from a YAML file, by the same names"},
	    {"-n, --check", "look at the options and stop"},
	    {"-h, --help", "this text"},
	    {"-V, --version", "the version"},
	};

	printf("usage: %s [OPTION ...]\n%s\n\n", p->name, p->summary);
	for (const struct conf_option *o = p->options; o->name != NULL; o++) {
		char left[64];

		(void)mesh_format(left, sizeof(left), "--%s %s", o->name,
		    o->arg ? o->arg : "");
		printf("  %-24s %s\n", left, o->help);
	}
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		printf("  %-24s %s\n", common[i][0], common[i][1]);
	printf("\nMore: man %s\n", p->name);
}

static void
make_table(const struct conf_option *options, struct getopt_table *t)
{
	size_t n = 0;

	memset(t, 0, sizeof(*t));
	for (; options[n].name != NULL && n < CONF_OPTIONS_MAX; n++) {
		bool flag = options[n].kind == CONF_FLAG;

		t->longs[n] = (struct option){
		    .name = options[n].name,
		    .has_arg = flag ? no_argument : required_argument,
		    .val = VAL_OWN + (int)n,
		};
	}
	memcpy(t->longs + n, common_options, sizeof(common_options));
}

/* First walk: --help, --version, --check, --config. Tells of what getopt does
 * not know, once. */
static enum conf_verdict
walk_common(const struct conf_program *p, const struct getopt_table *t,
    int argc, char **argv, const char **out_file, bool *out_check)
{
	int c;

	optind = 0; /* glibc: start anew */
	while ((c = getopt_long(argc, argv, LETTERS, t->longs, NULL)) != -1) {
		switch (c) {
		case VAL_CONFIG:
			*out_file = optarg;
			break;
		case 'n':
			*out_check = true;
			break;
		case 'h':
			print_help(p);
			return CONF_DONE;
		case 'V':
			printf("%s %s\n", p->name, PACKAGE_VERSION);
			return CONF_DONE;
		case '?':
			fprintf(stderr, "%s: see %s --help\n", p->name,
			    p->name);
			return CONF_USAGE;
		default:
			break;
		}
	}
	if (optind == argc)
		return CONF_RUN;
	fprintf(stderr, "%s: unexpected argument '%s'\n", p->name,
	    argv[optind]);
	return CONF_USAGE;
}

/* A list on the command line replaces the one of the file. */
static void
clear_list(const struct conf_option *o, void *opts)
{
	struct conf_list *list = (void *)((char *)opts + o->offset);

	if (o->kind == CONF_LIST)
		list->count = 0;
}

/* Second walk: the program's own. */
static int
walk_own(const struct conf_program *p, const struct getopt_table *t, int argc,
    char **argv, void *opts, struct mesh_diag *diag)
{
	bool seen[CONF_OPTIONS_MAX] = {0};
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, LETTERS, t->longs, NULL)) != -1) {
		size_t i = (size_t)(c - VAL_OWN);
		int err;

		if (c < VAL_OWN)
			continue;
		if (!seen[i])
			clear_list(&p->options[i], opts);
		seen[i] = true;
		err = conf_set(&p->options[i], optarg, opts, diag);
		if (err != MESH_OK)
			return err;
	}
	return MESH_OK;
}

static enum conf_verdict
complain(const struct conf_program *p, const struct mesh_diag *diag)
{
	fprintf(stderr, "%s: %s\n", p->name, diag->text);
	return CONF_USAGE;
}

enum conf_verdict
conf_load(const struct conf_program *p, int argc, char **argv, void *opts)
{
	struct getopt_table t;
	struct mesh_diag diag = {0};
	const char *file = NULL;
	bool check = false;
	enum conf_verdict verdict;

	make_table(p->options, &t);
	verdict = walk_common(p, &t, argc, argv, &file, &check);
	if (verdict != CONF_RUN)
		return verdict;
	if (file != NULL &&
	    conf_read_file(p->options, file, opts, &diag) != MESH_OK)
		return complain(p, &diag);
	if (walk_own(p, &t, argc, argv, opts, &diag) != MESH_OK)
		return complain(p, &diag);
	for (const struct conf_option *o = p->options; o->name != NULL; o++) {
		if (!is_missing(o, opts))
			continue;
		fprintf(stderr, "%s: --%s %s is needed; see %s --help\n",
		    p->name, o->name, o->arg, p->name);
		return CONF_USAGE;
	}
	return check ? CONF_DONE : CONF_RUN;
}
