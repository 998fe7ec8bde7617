/* SPDX-License-Identifier: ISC */
#include "log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static void sink_write(void *arg, enum mesh_log_level level, const char *line);

static struct {
	const char *name;
	bool journal; /* stderr is read by systemd */
	struct mesh_log sink;
} state = {
    .name = "mesh",
    .sink = {.write = sink_write, .max = MESH_LOG_INFO},
};

static const char journal_prefix[][4] = {
    [MESH_LOG_ERR] = "<3>",
    [MESH_LOG_WARN] = "<4>",
    [MESH_LOG_INFO] = "<6>",
    [MESH_LOG_DEBUG] = "<7>",
};

void
log_init(const char *name, enum mesh_log_level max)
{
	state.name = name;
	state.sink.max = max;
	state.journal = getenv("JOURNAL_STREAM") != NULL;
}

static void
sink_write(void *arg, enum mesh_log_level level, const char *line)
{
	char out[MESH_LOG_LINE + 64];
	int len = snprintf(out, sizeof(out) - 1, "%s%s: %s",
	    state.journal ? journal_prefix[level] : "", state.name, line);

	(void)arg;
	if (len < 0)
		return;
	if ((size_t)len > sizeof(out) - 2)
		len = (int)sizeof(out) - 2;
	out[len++] = '\n';
	/* A log that nobody reads must not stop the daemon. */
	if (write(STDERR_FILENO, out, (size_t)len) < 0)
		return;
}

static void MESH_PRINTF(2, 0)
vlog(enum mesh_log_level level, const char *fmt, va_list ap)
{
	char line[MESH_LOG_LINE];

	if (level > state.sink.max)
		return;
	vsnprintf(line, sizeof(line), fmt, ap);
	sink_write(NULL, level, line);
}

#define DEFINE_LEVEL(function, level)                                          \
	void function(const char *fmt, ...)                                    \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		va_start(ap, fmt);                                             \
		vlog(level, fmt, ap);                                          \
		va_end(ap);                                                    \
	}

DEFINE_LEVEL(log_err, MESH_LOG_ERR)
DEFINE_LEVEL(log_warn, MESH_LOG_WARN)
DEFINE_LEVEL(log_info, MESH_LOG_INFO)
DEFINE_LEVEL(log_debug, MESH_LOG_DEBUG)

const struct mesh_log *
log_sink(void)
{
	return &state.sink;
}
