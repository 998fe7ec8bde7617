/* SPDX-License-Identifier: ISC
 * conf_yaml.c - the file of --config: one mapping, keys to scalars or lists of
 * scalars. No anchors, no tags: every event that is not expected is an error
 * with its line. */
#include "conf.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

struct reader {
	yaml_parser_t yaml;
	yaml_event_t event; /* the current one; replaced by next() */
	const struct conf_option *options;
	void *opts;
	struct mesh_diag *diag;
};

static int
fail_at(struct reader *r, size_t line, const char *what, const char *subject)
{
	return mesh_fail(r->diag, MESH_ERR_FORMAT, "line %zu: %s%s%.60s%s",
	    line + 1, what, subject ? " '" : "", subject ? subject : "",
	    subject ? "'" : "");
}

static int
next(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (yaml_parser_parse(&r->yaml, &r->event))
		return MESH_OK;
	memset(&r->event, 0, sizeof(r->event));
	return fail_at(r, r->yaml.problem_mark.line,
	    r->yaml.problem ? r->yaml.problem : "not YAML", NULL);
}

/* The next event, which has to be of this type. */
static int
expect(struct reader *r, yaml_event_type_t type, const char *what)
{
	int err = next(r);

	if (err == MESH_OK && r->event.type != type)
		err = fail_at(r, r->event.start_mark.line, what, NULL);
	return err;
}

/* The current scalar to one option. */
static int
take_scalar(struct reader *r, const struct conf_option *o)
{
	const char *text = (const char *)r->event.data.scalar.value;
	struct mesh_diag why = {0};
	char *copy;
	int err;

	if (strlen(text) != r->event.data.scalar.length)
		return fail_at(r, r->event.start_mark.line, "NUL in", o->name);
	copy = strdup(text);
	if (copy == NULL)
		return MESH_ERR_NOMEM;
	err = conf_set(o, copy, r->opts, &why);
	if (err != MESH_OK)
		return fail_at(r, r->event.start_mark.line, why.text, NULL);
	return MESH_OK;
}

static int
take_list(struct reader *r, const struct conf_option *o)
{
	int err;

	if (o->kind != CONF_LIST)
		return fail_at(r, r->event.start_mark.line,
		    "one value wanted for", o->name);
	while ((err = next(r)) == MESH_OK && r->event.type == YAML_SCALAR_EVENT)
		if ((err = take_scalar(r, o)) != MESH_OK)
			return err;
	if (err == MESH_OK && r->event.type != YAML_SEQUENCE_END_EVENT)
		err = fail_at(r, r->event.start_mark.line,
		    "a list of values wanted for", o->name);
	return err;
}

/* The current event is a key. */
static int
take_pair(struct reader *r)
{
	const char *key = (const char *)r->event.data.scalar.value;
	const struct conf_option *o = conf_find(r->options, key);
	int err;

	if (o == NULL)
		return fail_at(r, r->event.start_mark.line, "unknown key", key);
	if ((err = next(r)) != MESH_OK)
		return err;
	switch (r->event.type) {
	case YAML_SCALAR_EVENT:
		return take_scalar(r, o);
	case YAML_SEQUENCE_START_EVENT:
		return take_list(r, o);
	default:
		return fail_at(r, r->event.start_mark.line,
		    "a value wanted for", o->name);
	}
}

static int
take_mapping(struct reader *r)
{
	int err;

	while ((err = next(r)) == MESH_OK && r->event.type == YAML_SCALAR_EVENT)
		if ((err = take_pair(r)) != MESH_OK)
			return err;
	if (err == MESH_OK && r->event.type != YAML_MAPPING_END_EVENT)
		err = fail_at(r, r->event.start_mark.line,
		    "a key wanted, as in 'listen: 0.0.0.0:443'", NULL);
	return err;
}

static int
take_stream(struct reader *r)
{
	int err = expect(r, YAML_STREAM_START_EVENT, "not YAML");

	if (err == MESH_OK)
		err = next(r);
	if (err != MESH_OK || r->event.type == YAML_STREAM_END_EVENT)
		return err; /* an empty file says nothing */
	err = expect(r, YAML_MAPPING_START_EVENT,
	    "keys wanted, as in 'listen: 0.0.0.0:443'");
	if (err == MESH_OK)
		err = take_mapping(r);
	if (err == MESH_OK)
		err = expect(r, YAML_DOCUMENT_END_EVENT, "one document wanted");
	if (err == MESH_OK)
		err = expect(r, YAML_STREAM_END_EVENT, "one document wanted");
	return err;
}

int
conf_read_text(const struct conf_option *options, const char *text, size_t len,
    void *opts, struct mesh_diag *diag)
{
	struct reader r = {.options = options, .opts = opts, .diag = diag};
	int err;

	if (!yaml_parser_initialize(&r.yaml))
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, len);
	err = take_stream(&r);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.yaml);
	return err;
}

/* At most max bytes, or -1 with errno. */
static ssize_t
read_file(const char *path, char *text, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	while (len < max && (n = read(fd, text + len, max - len)) > 0)
		len += (size_t)n;
	close(fd);
	return n < 0 ? -1 : (ssize_t)len;
}

int
conf_read_file(const struct conf_option *options, const char *path, void *opts,
    struct mesh_diag *diag)
{
	char *text = malloc(CONF_FILE_MAX + 1);
	struct mesh_diag why = {0};
	ssize_t len;
	int err;

	if (text == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	len = read_file(path, text, CONF_FILE_MAX + 1);
	if (len < 0)
		err = mesh_fail(diag, MESH_ERR_IO, "cannot read '%s': %s", path,
		    strerror(errno));
	else if (len > (ssize_t)CONF_FILE_MAX)
		err = mesh_fail(diag, MESH_ERR_LIMIT,
		    "'%s' is longer than %u bytes", path, CONF_FILE_MAX);
	else if ((err = conf_read_text(options, text, (size_t)len, opts,
		      &why)) != MESH_OK)
		mesh_fail(diag, err, "'%s', %s", path, why.text);
	free(text);
	return err;
}
