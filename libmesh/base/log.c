/* SPDX-License-Identifier: ISC */
#include "base/log.h"

#include <stdio.h>
#include <string.h>

void
mesh_log(const struct mesh_log *log, enum mesh_log_level level,
    const char *fmt, ...)
{
	char line[MESH_LOG_LINE];
	va_list ap;

	if (log == NULL || log->write == NULL || level > log->max)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log->write(log->arg, level, line);
}

char *
mesh_log_text(const void *s, size_t len, char *out, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *p = s;
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		bool plain = p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' &&
		    p[i] != '\\';

		if (size - at < (plain ? 2u : 5u))
			break;
		if (plain) {
			out[at++] = (char)p[i];
			continue;
		}
		out[at++] = '\\';
		out[at++] = 'x';
		out[at++] = hex[p[i] >> 4];
		out[at++] = hex[p[i] & 15];
	}
	if (size > 0)
		out[at] = 0;
	return out;
}

struct mesh_ratelimit
mesh_ratelimit_init(uint32_t burst, uint64_t every_ns)
{
	return (struct mesh_ratelimit){
	    .every_ns = every_ns, .burst = burst, .tokens = burst};
}

bool
mesh_ratelimit_allow(struct mesh_ratelimit *r, struct mesh_time now)
{
	uint64_t fresh = mesh_time_since(r->last, now) / r->every_ns;

	if (r->tokens >= r->burst) {
		r->last = now;
	} else if (fresh > 0) {
		uint32_t room = r->burst - r->tokens;

		r->tokens += fresh < room ? (uint32_t)fresh : room;
		r->last = mesh_time_add(r->last, fresh * r->every_ns);
	}
	if (r->tokens == 0) {
		r->dropped++;
		return false;
	}
	r->tokens--;
	r->dropped = 0;
	return true;
}
