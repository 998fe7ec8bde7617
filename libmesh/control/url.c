/* SPDX-License-Identifier: ISC */
#include "control/url.h"

#include <string.h>

#include "base/addr.h"

#define HTTP_PORT 80
#define HTTPS_PORT 443

static bool
is_host_text(struct mesh_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') &&
		    (c < '0' || c > '9') && strchr("-._", c) == NULL)
			return false;
	}
	return s.len > 0;
}

/* Takes "host", "host:port" or "[v6]:port" apart. */
static int
split_authority(struct mesh_str s, struct mesh_str *out_host,
    struct mesh_str *out_port)
{
	struct mesh_str rest = s;
	struct mesh_ip ip;

	if (s.len > 0 && s.p[0] == '[') {
		*out_host = mesh_str_cut(&rest, ']');
		if (rest.p == NULL)
			return MESH_ERR_FORMAT;
		out_host->p++;
		out_host->len--;
		*out_port = rest;
		if (mesh_ip_parse(*out_host, &ip) != MESH_OK)
			return MESH_ERR_FORMAT;
		if (rest.len == 0)
			return MESH_OK;
		if (rest.p[0] != ':')
			return MESH_ERR_FORMAT;
		*out_port = (struct mesh_str){rest.p + 1, rest.len - 1};
		return out_port->len > 0 ? MESH_OK : MESH_ERR_FORMAT;
	}
	*out_host = mesh_str_cut(&rest, ':');
	*out_port = rest;
	if (rest.p != NULL && rest.len == 0)
		return MESH_ERR_FORMAT;
	return is_host_text(*out_host) ? MESH_OK : MESH_ERR_FORMAT;
}

/* Hosts that nobody has a certificate for: plain HTTP alone. */
static bool
is_private_host(struct mesh_str host)
{
	struct mesh_ip ip;

	if (mesh_str_eq(host, "localhost"))
		return true;
	if (mesh_ip_parse(host, &ip) != MESH_OK)
		return false;
	return mesh_ip_is_private(&ip) || mesh_ip_is_loopback(&ip) ||
	    mesh_ip_is_linklocal(&ip);
}

static void
choose_ports(struct mesh_control_url *u, bool explicit_port, bool private_host)
{
	u->http_port = HTTP_PORT;
	u->https_port = HTTPS_PORT;
	if (explicit_port && u->https)
		u->https_port = u->port;
	else if (explicit_port)
		u->http_port = u->port;
	if (!u->https && private_host)
		u->https_port = 0;
}

int
mesh_control_url_parse(const char *url, struct mesh_control_url *out,
    struct mesh_diag *diag)
{
	struct mesh_str s = mesh_str(url), host, port;
	struct mesh_control_url u = {0};
	uint64_t number;

	u.https = mesh_str_has_prefix(s, "https://");
	if (!u.https && !mesh_str_has_prefix(s, "http://"))
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "server URL must begin with https:// or http://");
	s.p += u.https ? 8 : 7;
	s.len -= u.https ? 8 : 7;
	if (s.len > 0 && s.p[s.len - 1] == '/')
		s.len--;
	if (split_authority(s, &host, &port) != MESH_OK ||
	    mesh_str_copy(host, u.host, sizeof(u.host)) != MESH_OK ||
	    mesh_str_copy(s, u.authority, sizeof(u.authority)) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "server URL must be a host and at most a port, "
		    "as in https://control.example.org:8443");
	u.port = u.https ? HTTPS_PORT : HTTP_PORT;
	if (port.len > 0) {
		if (mesh_parse_u64(port, UINT16_MAX, &number) != MESH_OK ||
		    number == 0)
			return mesh_fail(diag, MESH_ERR_FORMAT,
			    "server URL: port must be from 1 to 65535");
		u.port = (uint16_t)number;
	}
	choose_ports(&u, port.len > 0, is_private_host(host));
	*out = u;
	return MESH_OK;
}

struct mesh_str
mesh_url_path(const char *url)
{
	struct mesh_str s = mesh_str(url);
	const char *p;

	if (s.len == 0 || s.len > MESH_URL_PATH_MAX)
		return (struct mesh_str){0};
	if (s.p[0] != '/') {
		p = strstr(s.p, "://");
		p = p != NULL ? strchr(p + 3, '/') : NULL;
		if (p == NULL)
			return (struct mesh_str){0};
		s.len -= (size_t)(p - s.p);
		s.p = p;
	}
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
			return (struct mesh_str){0};
	return s;
}
