/* SPDX-License-Identifier: ISC */
#include "cmd.h"

#include "base/text.h"
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>

enum { VAL_JSON = 256, VAL_SOCKET, VAL_OWN };

static const struct option common_options[] = {
	{"json", no_argument, NULL, VAL_JSON},
	{"socket", required_argument, NULL, VAL_SOCKET},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

#define COMMON_COUNT (sizeof(common_options) / sizeof(common_options[0]))

/* The command that runs, for messages. */
static const char *command_name = "mesh";

static void MESH_PRINTF(1, 0)
say(const char *fmt, va_list ap)
{
	fflush(stdout);
	fprintf(stderr, "%s: ", command_name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int
cmd_error(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return status;
}

void
cmd_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

struct mesh_time
cmd_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mesh_time){
	    (uint64_t)ts.tv_sec * MESH_SEC + (uint64_t)ts.tv_nsec};
}

/* --- help */

static void
print_option(char letter, const char *name, const char *arg, const char *help)
{
	char left[64], brief[8] = "";

	if (letter != 0)
		(void)mesh_format(brief, sizeof(brief), "-%c, ", letter);
	(void)mesh_format(left, sizeof(left), "%s--%s%s%s", brief, name,
	    arg ? " " : "", arg ? arg : "");
	printf("  %-26s %s\n", left, help);
}

static void
print_options(const struct conf_option *o)
{
	for (; o != NULL && o->name != NULL; o++)
		print_option(o->letter, o->name, o->arg, o->help);
}

static void
print_usage_line(const struct cmd *c, const struct cmd *verb)
{
	const struct cmd *leaf = verb ? verb : c;

	printf("usage: %s%s%s [OPTION ...]%s%s\n", c->name, verb ? " " : "",
	    verb ? verb->name : "", leaf->operands ? " " : "",
	    leaf->operands ? leaf->operands : "");
}

static void
print_verbs(const struct cmd *c)
{
	for (const struct cmd *v = c->verbs; v->name != NULL; v++) {
		char left[80];

		(void)mesh_format(left, sizeof(left), "%s%s%s", v->name,
		    v->operands ? " " : "", v->operands ? v->operands : "");
		printf("  %-26s %s\n", left, v->summary);
	}
}

static void
print_help(const struct cmd *c, const struct cmd *verb)
{
	if (c->verbs != NULL && verb == NULL) {
		printf("usage: %s VERB [OPTION ...]\n%s\n\n", c->name,
		    c->summary);
		print_verbs(c);
		printf("\nOptions:\n");
	} else {
		print_usage_line(c, verb);
		printf("%s\n\n", verb ? verb->summary : c->summary);
		print_options(verb ? verb->options : c->options);
	}
	print_option(0, "json", NULL, "the answer as one JSON document");
	print_option(0, "socket", "PATH", "the daemon's socket");
	print_option('h', "help", NULL, "this text");
	print_option('V', "version", NULL, "the version");
	printf("\nMore: man %s\n", c->name);
}

/* --- options */

struct getopt_table {
	struct option longs[CONF_OPTIONS_MAX + COMMON_COUNT];
	char letters[2 * CONF_OPTIONS_MAX + 8];
};

static void
make_table(const struct conf_option *options, bool stop_at_operand,
    struct getopt_table *t)
{
	char *letter = t->letters;
	size_t n = 0;

	*t = (struct getopt_table){0};
	if (stop_at_operand)
		*letter++ = '+';
	*letter++ = 'h';
	*letter++ = 'V';
	for (; options != NULL && options[n].name != NULL &&
	     n < CONF_OPTIONS_MAX;
	     n++) {
		bool flag = options[n].kind == CONF_FLAG;

		t->longs[n] = (struct option){
		    .name = options[n].name,
		    .has_arg = flag ? no_argument : required_argument,
		    .val = VAL_OWN + (int)n,
		};
		if (options[n].letter == 0)
			continue;
		*letter++ = options[n].letter;
		if (!flag)
			*letter++ = ':';
	}
	memcpy(t->longs + n, common_options, sizeof(common_options));
}

/* The table's option behind a number or letter of getopt. */
static const struct conf_option *
find_option(const struct conf_option *options, int c)
{
	if (c >= VAL_OWN)
		return &options[c - VAL_OWN];
	for (; options != NULL && options->name != NULL; options++)
		if (options->letter == c)
			return options;
	return NULL;
}

enum verdict { GO_ON, SHOW_HELP, SHOW_VERSION, WRONG };

static enum verdict
take_option(const struct conf_option *options, void *opts, int c,
    struct cmd_common *common)
{
	const struct conf_option *o;
	struct mesh_diag diag = {""};

	switch (c) {
	case VAL_JSON:
		common->json = true;
		return GO_ON;
	case VAL_SOCKET:
		common->socket = optarg;
		return GO_ON;
	case 'h':
		return SHOW_HELP;
	case 'V':
		return SHOW_VERSION;
	case '?':
		return WRONG; /* getopt has said why */
	default:
		o = find_option(options, c);
		if (o != NULL && conf_set(o, optarg, opts, &diag) == MESH_OK)
			return GO_ON;
		cmd_note("%s", diag.text);
		return WRONG;
	}
}

/* optind is left at the first operand. */
static enum verdict
parse(const struct conf_option *options, void *opts, bool stop_at_operand,
    int argc, char **argv, struct cmd_common *common)
{
	enum verdict verdict = GO_ON;
	struct getopt_table t;
	int c;

	make_table(options, stop_at_operand, &t);
	optind = 0; /* glibc: start anew */
	while (verdict == GO_ON &&
	    (c = getopt_long(argc, argv, t.letters, t.longs, NULL)) != -1)
		verdict = take_option(options, opts, c, common);
	return verdict;
}

/* --- running */

static int
wrong_usage(const struct cmd *c, const struct cmd *verb, const char *what)
{
	if (what != NULL)
		cmd_note("%s", what);
	fprintf(stderr, "%s: see %s%s%s --help\n", command_name, c->name,
	    verb ? " " : "", verb ? verb->name : "");
	return CMD_USAGE;
}

/* An option that must be given and was not; or NULL. */
static const struct conf_option *
find_missing(const struct conf_option *o, const void *opts)
{
	for (; o != NULL && o->name != NULL; o++)
		if (o->required && o->kind == CONF_STRING &&
		    *(const char *const *)(const void *)((const char *)opts +
			o->offset) == NULL)
			return o;
	return NULL;
}

static int
run_leaf(const struct cmd *c, const struct cmd *verb, int argc, char **argv,
    struct cmd_common *common)
{
	const struct cmd *leaf = verb ? verb : c;
	const struct conf_option *missing;
	int operands;

	argv[0] = (char *)c->name; /* what getopt calls us */
	switch (parse(leaf->options, leaf->opts, false, argc, argv, common)) {
	case GO_ON:
		break;
	case SHOW_HELP:
		print_help(c, verb);
		return CMD_OK;
	case SHOW_VERSION:
		printf("%s %s\n", c->name, PACKAGE_VERSION);
		return CMD_OK;
	case WRONG:
		return wrong_usage(c, verb, NULL);
	}
	missing = find_missing(leaf->options, leaf->opts);
	if (missing != NULL) {
		cmd_note("--%s %s is needed", missing->name, missing->arg);
		return wrong_usage(c, verb, NULL);
	}
	operands = argc - optind;
	if (operands < leaf->min_operands)
		return wrong_usage(c, verb, "an operand is missing");
	if (leaf->max_operands != CMD_ANY && operands > leaf->max_operands)
		return wrong_usage(c, verb, "too many operands");
	return leaf->run(common, operands, argv + optind);
}

static int
run_verb(const struct cmd *c, int argc, char **argv, struct cmd_common *common)
{
	argv[0] = (char *)c->name;
	switch (parse(NULL, NULL, true, argc, argv, common)) {
	case GO_ON:
		break;
	case SHOW_HELP:
		print_help(c, NULL);
		return CMD_OK;
	case SHOW_VERSION:
		printf("%s %s\n", c->name, PACKAGE_VERSION);
		return CMD_OK;
	case WRONG:
		return wrong_usage(c, NULL, NULL);
	}
	argc -= optind;
	argv += optind;
	if (argc == 0)
		return wrong_usage(c, NULL, "a verb is missing");
	for (const struct cmd *v = c->verbs; v->name != NULL; v++)
		if (strcmp(v->name, argv[0]) == 0)
			return run_leaf(c, v, argc, argv, common);
	cmd_note("there is no verb '%s'", argv[0]);
	return wrong_usage(c, NULL, NULL);
}

int
cmd_main(const struct cmd *c, int argc, char **argv)
{
	struct cmd_common common = {0};
	int status;

	command_name = c->name;
	status = c->verbs ? run_verb(c, argc, argv, &common)
			  : run_leaf(c, NULL, argc, argv, &common);
	if (fflush(stdout) != 0 || ferror(stdout))
		return cmd_error(status ? status : CMD_NO,
		    "cannot write to standard output: %s", strerror(errno));
	return status;
}
