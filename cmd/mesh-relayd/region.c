/* SPDX-License-Identifier: ISC */
#include "region.h"

#include "base/secret.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIN "sha256-raw:"
#define KEY_FILE_MAX 256u

static int
parse_pin(struct region_relay *relay, struct mesh_str pin)
{
	relay->pinned = true;
	if (!mesh_str_has_prefix(pin, PIN))
		return MESH_ERR_FORMAT;
	pin.p += sizeof(PIN) - 1;
	pin.len -= sizeof(PIN) - 1;
	return mesh_hex_decode(pin, relay->pin, sizeof(relay->pin));
}

static int
parse_relay(struct region_relay *relay, const char *text,
    struct mesh_diag *diag)
{
	struct mesh_str rest = mesh_str(text);
	struct mesh_str name = mesh_str_cut(&rest, '=');
	struct mesh_str at = mesh_str_cut(&rest, ',');
	int err = MESH_ERR_FORMAT;

	*relay = (struct region_relay){0};
	if (name.len > 0)
		err = mesh_str_copy(name, relay->name, sizeof(relay->name));
	if (err == MESH_OK)
		err = mesh_endpoint_parse(at, &relay->at);
	if (err == MESH_OK && rest.len > 0)
		err = parse_pin(relay, rest);
	if (err == MESH_OK)
		return MESH_OK;
	return mesh_fail(diag, MESH_ERR_ARG,
	    "'%.80s' is not NAME=ADDR:PORT, with ',sha256-raw:HEX' behind it "
	    "if the certificate is pinned",
	    text);
}

int
region_parse(struct region *out, const struct conf_list *with,
    const char *key_file, struct mesh_diag *diag)
{
	*out = (struct region){0};
	if (with->count > 0 && key_file == NULL)
		return mesh_fail(diag, MESH_ERR_ARG,
		    "--mesh-with needs --mesh-key");
	if (with->count > REGION_MAX)
		return mesh_fail(diag, MESH_ERR_ARG, "%u other relays at most",
		    REGION_MAX);
	for (; out->count < with->count; out->count++) {
		int err = parse_relay(&out->relays[out->count],
		    with->values[out->count], diag);

		if (err != MESH_OK)
			return err;
	}
	return MESH_OK;
}

int
region_load_key(struct region *region, const char *key_file,
    struct mesh_diag *diag)
{
	char text[KEY_FILE_MAX];
	struct stat st;
	ssize_t n = -1;
	int err, fd;

	if (key_file == NULL)
		return MESH_OK;
	fd = open(key_file, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0)
		n = read(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return mesh_fail(diag, MESH_ERR_IO, "cannot read '%s': %s",
		    key_file, strerror(errno));
	err = mesh_relay_mesh_key_parse((struct mesh_str){text, (size_t)n},
	    &region->key);
	mesh_wipe(text, sizeof(text));
	if (err != MESH_OK)
		return mesh_fail(diag, err,
		    "'%s' holds no mesh key: 64 hex digits", key_file);
	if (st.st_mode & 077)
		return mesh_fail(diag, MESH_ERR_DENIED,
		    "'%s' can be read by others: chmod 600", key_file);
	region->has_key = true;
	return MESH_OK;
}
