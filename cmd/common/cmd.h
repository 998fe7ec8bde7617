/* SPDX-License-Identifier: ISC
 * cmd.h - what all commands share: options, help, --json, exit status.
 *
 * A command is one file with one const struct cmd and
 *
 *	int
 *	main(int argc, char **argv)
 *	{
 *		return cmd_main(&command, argc, argv);
 *	}
 *
 * Its option table is conf.h's. Every command has --json, --socket PATH, --help
 * and --version without listing them. Operands may stand before options; "--"
 * ends the options. A command with verbs ("mesh-user add NAME") lists them in
 * `verbs` and has no run of its own.
 *
 * stdout is the answer, stderr is about the run; stdout is flushed and checked
 * at the end, so that a full disk is not a success.
 */
#ifndef COMMON_CMD_H
#define COMMON_CMD_H

#include "conf.h"
#include "exit.h"

#define CMD_ANY (-1) /* max_operands: no limit */

/* What all commands take. */
struct cmd_common {
	bool json;
	const char *socket; /* NULL: from the environment, or the default */
};

struct cmd {
	const char *name;     /* "mesh-ping"; of a verb: "add" */
	const char *summary;  /* "is a node there, and by which path?" */
	const char *operands; /* "NODE", "[FILE ...]"; NULL: none */
	int min_operands;
	int max_operands;
	const struct conf_option *options; /* NULL: none */
	void *opts;			   /* what they fill, with defaults */
	int (*run)(const struct cmd_common *common, int argc, char **argv);
	const struct cmd *verbs; /* ends with a NULL name */
};

/* Parses, runs, gives the exit status. */
int cmd_main(const struct cmd *cmd, int argc, char **argv);

/* "mesh-ping: MESSAGE" on stderr; returns status, for `return cmd_error(...)`. */
int cmd_error(int status, const char *fmt, ...) MESH_PRINTF(2, 3);
/* The same without a status: what the user should know. */
void cmd_note(const char *fmt, ...) MESH_PRINTF(1, 2);

/* CLOCK_MONOTONIC. */
struct mesh_time cmd_clock(void);

#endif
