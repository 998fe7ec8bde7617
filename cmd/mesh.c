/* SPDX-License-Identifier: ISC
 * mesh - the front command: `mesh up` runs mesh-up. Any mesh-NAME on the PATH
 * becomes `mesh NAME`; our own are looked for beside this program first.
 */
#include "common/exit.h"

#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 512u /* commands that the list shows */

static const char usage[] =
    "usage: mesh [--socket PATH] COMMAND [ARGUMENT ...]\n"
    "       mesh help [COMMAND]\n"
    "\n"
    "runs mesh-COMMAND\n"
    "\n"
    "  --socket PATH              the daemon's socket\n"
    "  -h, --help                 this text\n"
    "  -V, --version              the version\n"
    "\n"
    "Commands:\n";

/* --- where commands are */

/* Our folder in front of the PATH, for this process and its children. */
static void
extend_path(void)
{
	const char *old = getenv("PATH");
	char self[PATH_MAX], *slash;
	char path[2 * PATH_MAX + 2];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return;
	self[n] = 0;
	slash = strrchr(self, '/');
	if (slash == NULL)
		return;
	*slash = 0;
	if (mesh_format(path, sizeof(path), "%s:%s", self,
		old ? old : "/usr/bin:/bin") == MESH_OK)
		setenv("PATH", path, 1);
}

static bool
is_command(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return strncmp(name, "mesh-", 5) == 0 && name[5] != 0 &&
	    mesh_format(path, sizeof(path), "%s/%s", dir, name) == MESH_OK &&
	    stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    access(path, X_OK) == 0;
}

struct names {
	char *name[NAMES_MAX];
	size_t count;
};

static void
add_name(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->name[i], name) == 0)
			return;
	if (names->count < NAMES_MAX &&
	    (names->name[names->count] = strdup(name)) != NULL)
		names->count++;
}

static void
add_folder(struct names *names, const char *dir)
{
	DIR *d = opendir(*dir ? dir : ".");
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (is_command(dir, e->d_name))
			add_name(names, e->d_name + 5);
	closedir(d);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
print_commands(void)
{
	struct names names = {.count = 0};
	const char *env = getenv("PATH");
	char *path = strdup(env ? env : ""), *at = path, *dir;

	while (path != NULL && (dir = strsep(&at, ":")) != NULL)
		add_folder(&names, dir);
	qsort(names.name, names.count, sizeof(names.name[0]), by_name);
	for (size_t i = 0; i < names.count; i++) {
		printf("  %s\n", names.name[i]);
		free(names.name[i]);
	}
	free(path);
}

/* --- running one */

static int
run_command(char **argv)
{
	char name[NAME_MAX];
	char *asked = argv[0];

	if (strchr(asked, '/') != NULL ||
	    mesh_format(name, sizeof(name), "mesh-%s", asked) != MESH_OK) {
		fprintf(stderr, "mesh: '%.60s' is no command\n", asked);
		return CMD_USAGE;
	}
	argv[0] = name;
	execvp(name, argv);
	if (errno == ENOENT)
		fprintf(stderr,
		    "mesh: there is no command '%s'; mesh help lists them\n",
		    asked);
	else
		fprintf(stderr, "mesh: cannot run %s: %s\n", name,
		    strerror(errno));
	return errno == ENOENT ? CMD_USAGE : CMD_NO;
}

static int
help(const char *command)
{
	char page[NAME_MAX];

	if (command == NULL) {
		fputs(usage, stdout);
		print_commands();
		return fflush(stdout) == 0 ? CMD_OK : CMD_NO;
	}
	if (mesh_format(page, sizeof(page), "mesh-%s", command) != MESH_OK)
		return CMD_USAGE;
	execlp("man", "man", page, (char *)NULL);
	fprintf(stderr, "mesh: cannot run man: %s; try %s --help\n",
	    strerror(errno), page);
	return CMD_NO;
}

int
main(int argc, char **argv)
{
	int i = 1;

	extend_path();
	if (i + 1 < argc && strcmp(argv[i], "--socket") == 0) {
		/* Either daemon's: the command that follows knows which. */
		setenv("MESH_SOCKET", argv[i + 1], 1);
		setenv("MESH_CONTROL_SOCKET", argv[i + 1], 1);
		i += 2;
	}
	if (i >= argc) {
		fputs(usage, stderr);
		return CMD_USAGE;
	}
	if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
		return help(NULL);
	if (strcmp(argv[i], "help") == 0)
		return help(argv[i + 1]);
	if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
		printf("mesh %s\n", PACKAGE_VERSION);
		return CMD_OK;
	}
	if (argv[i][0] == '-') {
		fprintf(stderr, "mesh: there is no option '%s'; see mesh help\n",
		    argv[i]);
		return CMD_USAGE;
	}
	return run_command(argv + i);
}
