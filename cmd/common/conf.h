/* SPDX-License-Identifier: ISC
 * conf.h - a daemon's options: one table for the command line, the YAML file
 *and the help.
 *
 * Each long option is also a key of the file given with --config; what stands
 *on the command line wins, wherever it stands. All tables have --config FILE,
 * --check (-n: look at the configuration and stop), --help and --version
 * without listing them.
 *
 *	static struct opts { const char *state; uint64_t port; bool verbose; }
 *	    opts = {.port = 3478};
 *	static const struct conf_option table[] = {
 *		{"state", "DIR", "where the key is kept", CONF_STRING,
 *		    .offset = offsetof(struct opts, state), .required = true},
 *		{"port", "N", "UDP port", CONF_UINT,
 *		    .offset = offsetof(struct opts, port), .max = 65535},
 *		{"verbose", NULL, "log more", CONF_FLAG,
 *		    .offset = offsetof(struct opts, verbose)},
 *		{0},
 *	};
 *
 *	state: /var/lib/mesh        # the same as a file
 *	port: 3478
 *	verbose: true
 */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include <mesh/base.h>

#define CONF_FILE_MAX 65536u /* bytes */
#define CONF_LIST_MAX 64u    /* values of one CONF_LIST */
#define CONF_OPTIONS_MAX 64u /* of one table */

enum conf_kind {
	CONF_STRING,   /* const char *; NULL: not given */
	CONF_FLAG,     /* bool; in the file true or false */
	CONF_UINT,     /* uint64_t, at most `max` (0: no limit) */
	CONF_DURATION, /* uint64_t, ns: 500ms, 10s, 1h */
	CONF_LIST,     /* struct conf_list: given several times, or a YAML list;
			  a list on the command line replaces the file's */
};

struct conf_list {
	const char *values[CONF_LIST_MAX];
	size_t count;
};

struct conf_option {
	const char *name; /* long option and key; NULL ends the table */
	const char *arg;  /* what the help calls the value; NULL for flags */
	const char *help; /* one line, lower case */
	enum conf_kind kind;
	size_t offset; /* of the field in the caller's struct */
	uint64_t max;
	bool required; /* strings */
	char letter;   /* commands: short option, or 0 */
};

struct conf_program {
	const char *name;    /* "mesh-relayd" */
	const char *summary; /* "relay and STUN server of a mesh network" */
	const struct conf_option *options;
};

enum conf_verdict {
	CONF_RUN,   /* options are set: go on */
	CONF_DONE,  /* --help, --version, --check: exit 0 */
	CONF_USAGE, /* said what is wrong on stderr: exit 2 */
};

/* Fills *opts, which holds the defaults. Texts of the file are never freed: a
 * daemon reads them once. */
enum conf_verdict conf_load(const struct conf_program *program, int argc,
    char **argv, void *opts) MESH_MUST_USE;

/* One value for one option, which outlives opts; NULL for a flag without one.
 * diag: what is wrong with it. */
int conf_set(const struct conf_option *option, const char *value, void *opts,
    struct mesh_diag *diag) MESH_MUST_USE;
const struct conf_option *conf_find(const struct conf_option *options,
    const char *name);

/* conf_yaml.c: a file, or its text. diag: "line 3: unknown key 'listn'". */
int conf_read_file(const struct conf_option *options, const char *path,
    void *opts, struct mesh_diag *diag) MESH_MUST_USE;
int conf_read_text(const struct conf_option *options, const char *text,
    size_t len, void *opts, struct mesh_diag *diag) MESH_MUST_USE;

#endif
