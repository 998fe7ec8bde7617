/* SPDX-License-Identifier: ISC */
#include "control/h2.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A DATA frame smaller than this is not worth its head, nor is another frame
 * begun in so little room: it waits for the next record. */
#define DATA_MIN 256u
#define DATA_HEAD 9u
#define HEAD_FIELDS_MAX 12u /* of a request or answer of ours */
#define FIELD_COST 32u	    /* what RFC 9113 6.5.2 counts per field */

struct mesh_h2_chunk {
	struct mesh_h2_chunk *next;
	struct mesh_blob *blob;
};

static int
map_error(int rv)
{
	if (rv == 0)
		return MESH_OK;
	return rv == NGHTTP2_ERR_NOMEM ? MESH_ERR_NOMEM : MESH_ERR_PROTO;
}

/* --- the queue of a stream */

static void
drop_first(struct mesh_h2 *h, struct mesh_h2_stream *s)
{
	struct mesh_h2_chunk *c = s->first;
	size_t left = c->blob->len - s->offset;

	s->first = c->next;
	if (s->first == NULL)
		s->last = NULL;
	s->offset = 0;
	s->queued -= left;
	h->queued -= left;
	mesh_blob_unref(c->blob);
	free(c);
}

static void
advance(struct mesh_h2 *h, struct mesh_h2_stream *s, size_t len)
{
	s->offset += len;
	s->queued -= len;
	h->queued -= len;
	if (s->offset == s->first->blob->len)
		drop_first(h, s);
}

void
mesh_h2_stream_release(struct mesh_h2 *h, struct mesh_h2_stream *s)
{
	while (s->first != NULL)
		drop_first(h, s);
}

int
mesh_h2_add(struct mesh_h2 *h, struct mesh_h2_stream *s, struct mesh_blob *b)
{
	struct mesh_h2_chunk *c;

	if (b->len == 0)
		return MESH_OK;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return MESH_ERR_NOMEM;
	c->blob = mesh_blob_ref(b);
	if (s->last != NULL)
		s->last->next = c;
	else
		s->first = c;
	s->last = c;
	s->queued += b->len;
	h->queued += b->len;
	/* Fails when the stream is not deferred: then it is read anyway. */
	(void)nghttp2_session_resume_data(h->session, s->id);
	return MESH_OK;
}

int
mesh_h2_end(struct mesh_h2 *h, struct mesh_h2_stream *s)
{
	s->ended = true;
	(void)nghttp2_session_resume_data(h->session, s->id);
	return MESH_OK;
}

size_t
mesh_h2_waiting(const struct mesh_h2_stream *s)
{
	return s->first != NULL ? s->queued - (s->first->blob->len - s->offset)
				: 0;
}

/* --- nghttp2 asks for what a stream sends */

static size_t
room_of(const struct mesh_h2 *h)
{
	return h->room->cap - h->room->len;
}

static ssize_t
on_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct mesh_h2_stream *s = source->ptr;
	size_t left = s->first != NULL ? s->first->blob->len - s->offset : 0;
	size_t n = left < len ? left : len;

	(void)session, (void)id, (void)buf;
	if (n == 0 && !s->ended)
		return NGHTTP2_ERR_DEFERRED;
	if (room_of(user) < DATA_HEAD + DATA_MIN)
		return NGHTTP2_ERR_PAUSE;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (s->ended && n == s->queued)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* As much as the record in hand takes. */
static ssize_t
on_read_length(nghttp2_session *session, uint8_t type, int32_t id,
    int32_t session_window, int32_t stream_window, uint32_t frame_max,
    void *user)
{
	size_t room = room_of(user);

	(void)session, (void)type, (void)id, (void)session_window;
	(void)stream_window, (void)frame_max;
	return room > DATA_HEAD ? (ssize_t)(room - DATA_HEAD) : 1;
}

static int
on_send_data(nghttp2_session *session, nghttp2_frame *frame,
    const uint8_t *head, size_t len, nghttp2_data_source *source, void *user)
{
	struct mesh_h2_stream *s = source->ptr;
	struct mesh_h2 *h = user;

	(void)session, (void)frame;
	if (room_of(h) < DATA_HEAD + len)
		return NGHTTP2_ERR_CALLBACK_FAILURE; /* on_read saw to it */
	mesh_wr_bytes(h->room, head, DATA_HEAD);
	if (len > 0) {
		mesh_wr_bytes(h->room, s->first->blob->data + s->offset, len);
		advance(h, s, len);
	}
	return 0;
}

/* Writes the rest of a frame that was begun before. */
static void
write_kept(struct mesh_h2 *h)
{
	size_t room = room_of(h), left = h->kept_len - h->kept_sent;
	size_t n = left < room ? left : room;

	mesh_wr_bytes(h->room, h->kept + h->kept_sent, n);
	h->kept_sent += n;
	if (h->kept_sent < h->kept_len)
		return;
	free(h->kept);
	h->kept = NULL;
	h->kept_len = h->kept_sent = 0;
}

/* A frame that is not DATA: what does not fit is kept. Where it lies is good
 * until the next frame, of any session, is made. */
static int
write_frame(struct mesh_h2 *h, const uint8_t *p, size_t len)
{
	size_t room = room_of(h), n = len < room ? len : room;

	mesh_wr_bytes(h->room, p, n);
	if (n == len)
		return MESH_OK;
	h->kept = malloc(len - n);
	if (h->kept == NULL)
		return MESH_ERR_NOMEM;
	h->kept_len = len - n;
	memcpy(h->kept, p + n, h->kept_len);
	return MESH_OK;
}

int
mesh_h2_fill(struct mesh_h2 *h, uint8_t *out, size_t cap, size_t *out_len)
{
	struct mesh_wr w = mesh_wr_init(out, cap);
	const uint8_t *p = NULL;
	ssize_t n = 1;
	int err = MESH_OK;

	h->room = &w;
	if (h->kept != NULL)
		write_kept(h);
	/* What is begun here is finished here: DATA fits, and of the others the
	 * rest is kept. */
	while (err == MESH_OK && n > 0 && room_of(h) >= DATA_HEAD + DATA_MIN) {
		n = nghttp2_session_mem_send(h->session, &p);
		err = n > 0 ? write_frame(h, p, (size_t)n) : map_error((int)n);
	}
	h->room = NULL;
	*out_len = w.len;
	return err;
}

bool
mesh_h2_wants_write(const struct mesh_h2 *h)
{
	return h->kept != NULL || nghttp2_session_want_write(h->session) != 0;
}

bool
mesh_h2_is_over(const struct mesh_h2 *h)
{
	return !mesh_h2_wants_write(h) &&
	    nghttp2_session_want_read(h->session) == 0;
}

/* --- nghttp2 tells what came */

static struct mesh_h2_stream *
find_stream(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
    void *user)
{
	struct mesh_h2 *h = user;
	struct mesh_h2_stream *s;

	if (h->ops->begin == NULL ||
	    frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = h->ops->begin(h->arg);
	if (s == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	s->id = frame->hd.stream_id;
	nghttp2_session_set_stream_user_data(session, s->id, s);
	return 0;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame,
    const uint8_t *name, size_t name_len, const uint8_t *value,
    size_t value_len, uint8_t flags, void *user)
{
	struct mesh_h2_stream *s = find_stream(session, frame->hd.stream_id);
	struct mesh_h2 *h = user;
	int err;

	(void)flags;
	if (s == NULL)
		return 0;
	s->fields += name_len + value_len + FIELD_COST;
	if (s->fields > MESH_H2_FIELDS_MAX)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	err = h->ops->field(h->arg, s,
	    (struct mesh_str){(const char *)name, name_len},
	    (struct mesh_str){(const char *)value, value_len});
	return err == MESH_OK ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int
on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id,
    const uint8_t *p, size_t len, void *user)
{
	struct mesh_h2_stream *s = find_stream(session, id);
	struct mesh_h2 *h = user;

	(void)flags;
	if (s != NULL)
		h->ops->data(h->arg, s, p, len);
	else
		mesh_h2_consume(h, NULL, len);
	return 0;
}

static int
on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct mesh_h2 *h = user;
	struct mesh_h2_stream *s;

	if (frame->hd.type == NGHTTP2_SETTINGS)
		h->greeted = true;
	if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	s = find_stream(session, frame->hd.stream_id);
	if (s != NULL)
		h->ops->end(h->arg, s);
	return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t code,
    void *user)
{
	struct mesh_h2_stream *s = find_stream(session, id);
	struct mesh_h2 *h = user;

	if (s != NULL)
		h->ops->close(h->arg, s, code);
	return 0;
}

int
mesh_h2_input(struct mesh_h2 *h, const uint8_t *p, size_t len,
    struct mesh_diag *diag)
{
	ssize_t n = nghttp2_session_mem_recv(h->session, p, len);

	if (n < 0)
		return mesh_fail(diag, map_error((int)n), "HTTP/2: %s",
		    nghttp2_strerror((int)n));
	return MESH_OK;
}

/* --- memory of nghttp2 */

/* A session has a buffer of 16 kB for the frames that it makes. The caller's
 * scratch takes its place, or, without one: of its own it uses the first few
 * hundred bytes, as what a stream sends never goes through it. Fresh memory costs
 * nothing until it is touched, but memory that was used before is there already:
 * the pages inside are given back. */
#define BUFFER_MIN (16u << 10)

static void
give_back(void *p, size_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1);
	uintptr_t to = ((uintptr_t)p + size) & ~(page - 1);

	if (from < to)
		(void)madvise((uint8_t *)p + (from - (uintptr_t)p), to - from,
		    MADV_DONTNEED);
}

static void *
buffer_new(struct mesh_h2 *h, size_t size)
{
	void *p;

	if (h->starting && h->scratch != NULL && !h->scratch_used &&
	    size <= MESH_H2_SCRATCH) {
		h->scratch_used = true;
		return h->scratch;
	}
	p = malloc(size);
	if (p != NULL)
		give_back(p, size);
	return p;
}

static void *
on_malloc(size_t size, void *user)
{
	(void)user;
	return malloc(size);
}

static void
on_free(void *p, void *user)
{
	const struct mesh_h2 *h = user;

	if (p != h->scratch)
		free(p);
}

static void *
on_calloc(size_t count, size_t size, void *user)
{
	(void)user;
	return calloc(count, size);
}

/* The buffer comes by way of this, from nothing. */
static void *
on_realloc(void *p, size_t size, void *user)
{
	struct mesh_h2 *h = user;
	void *moved;

	if (p == NULL)
		return size >= BUFFER_MIN ? buffer_new(h, size) : malloc(size);
	if (p != h->scratch)
		return realloc(p, size);
	if (size <= MESH_H2_SCRATCH)
		return p;
	if ((moved = malloc(size)) != NULL)
		memcpy(moved, p, MESH_H2_SCRATCH);
	return moved;
}

/* --- life */

static nghttp2_session_callbacks *
make_callbacks(void)
{
	nghttp2_session_callbacks *cb;

	if (nghttp2_session_callbacks_new(&cb) != 0)
		return NULL;
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb,
	    on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb,
	    on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb,
	    on_frame_recv);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb,
	    on_stream_close);
	nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
	nghttp2_session_callbacks_set_data_source_read_length_callback(cb,
	    on_read_length);
	return cb;
}

static nghttp2_option *
make_options(void)
{
	nghttp2_option *o;

	if (nghttp2_option_new(&o) != 0)
		return NULL;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_reserved_remote_streams(o, 0);
	/* Few fields, seldom the same: a table costs more than it saves. */
	nghttp2_option_set_max_deflate_dynamic_table_size(o, 0);
	nghttp2_option_set_max_settings(o, MESH_H2_SETTINGS_MAX);
	nghttp2_option_set_max_continuations(o, MESH_H2_CONTINUATIONS_MAX);
	nghttp2_option_set_max_outbound_ack(o, MESH_H2_ACKS_MAX);
	nghttp2_option_set_stream_reset_rate_limit(o, MESH_H2_RESETS_BURST,
	    MESH_H2_RESETS_RATE);
	return o;
}

static int
init_session(struct mesh_h2 *h, bool server, const nghttp2_settings_entry *set,
    size_t count)
{
	nghttp2_session_callbacks *cb = make_callbacks();
	nghttp2_option *o = make_options();
	nghttp2_mem mem = {h, on_malloc, on_free, on_calloc, on_realloc};
	int rv = NGHTTP2_ERR_NOMEM;

	h->starting = true;
	if (cb != NULL && o != NULL)
		rv = server ? nghttp2_session_server_new3(&h->session, cb, h, o,
				  &mem)
			    : nghttp2_session_client_new3(&h->session, cb, h, o,
				  &mem);
	h->starting = false;
	nghttp2_session_callbacks_del(cb);
	nghttp2_option_del(o);
	if (rv == 0)
		rv = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE,
		    set, count);
	if (rv == 0 && !server)
		rv = nghttp2_session_set_local_window_size(h->session,
		    NGHTTP2_FLAG_NONE, 0, MESH_H2_CLIENT_WINDOW);
	if (rv != 0)
		mesh_h2_release(h);
	return map_error(rv);
}

int
mesh_h2_init_client(struct mesh_h2 *h, const struct mesh_h2_ops *ops,
    void *arg)
{
	static const nghttp2_settings_entry set[] = {
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, MESH_H2_CLIENT_WINDOW},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, MESH_H2_FIELDS_MAX},
	};

	*h = (struct mesh_h2){.ops = ops, .arg = arg};
	return init_session(h, false, set, sizeof(set) / sizeof(set[0]));
}

int
mesh_h2_init_server(struct mesh_h2 *h, uint32_t streams, uint8_t *scratch,
    const struct mesh_h2_ops *ops, void *arg)
{
	const nghttp2_settings_entry set[] = {
	    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, MESH_H2_FIELDS_MAX},
	    {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0},
	};

	*h = (struct mesh_h2){.ops = ops, .arg = arg, .scratch = scratch};
	return init_session(h, true, set, sizeof(set) / sizeof(set[0]));
}

void
mesh_h2_release(struct mesh_h2 *h)
{
	nghttp2_session_del(h->session);
	h->session = NULL;
	free(h->kept);
	h->kept = NULL;
	h->kept_len = h->kept_sent = 0;
}

/* --- heads and frames of ours */

static size_t
make_fields(const struct mesh_h2_field *fields, size_t count,
    nghttp2_nv out[static HEAD_FIELDS_MAX])
{
	for (size_t i = 0; i < count && i < HEAD_FIELDS_MAX; i++)
		out[i] = (nghttp2_nv){
		    .name = (uint8_t *)(uintptr_t)fields[i].name,
		    .namelen = strlen(fields[i].name),
		    .value = (uint8_t *)(uintptr_t)fields[i].value.p,
		    .valuelen = fields[i].value.len,
		};
	return count < HEAD_FIELDS_MAX ? count : HEAD_FIELDS_MAX;
}

int
mesh_h2_request(struct mesh_h2 *h, struct mesh_h2_stream *s,
    const struct mesh_h2_field *fields, size_t count, bool body)
{
	nghttp2_data_provider source = {{.ptr = s}, on_read};
	nghttp2_nv nv[HEAD_FIELDS_MAX];
	size_t n = make_fields(fields, count, nv);
	int32_t id = nghttp2_submit_request(h->session, NULL, nv, n,
	    body ? &source : NULL, s);

	if (id < 0)
		return map_error(id);
	s->id = id;
	return MESH_OK;
}

int
mesh_h2_respond(struct mesh_h2 *h, struct mesh_h2_stream *s,
    const struct mesh_h2_field *fields, size_t count, bool body)
{
	nghttp2_data_provider source = {{.ptr = s}, on_read};
	nghttp2_nv nv[HEAD_FIELDS_MAX];
	size_t n = make_fields(fields, count, nv);

	return map_error(nghttp2_submit_response(h->session, s->id, nv, n,
	    body ? &source : NULL));
}

void
mesh_h2_reset(struct mesh_h2 *h, struct mesh_h2_stream *s, uint32_t code)
{
	(void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id,
	    code);
}

void
mesh_h2_consume(struct mesh_h2 *h, struct mesh_h2_stream *s, size_t len)
{
	if (s != NULL)
		(void)nghttp2_session_consume(h->session, s->id, len);
	else
		(void)nghttp2_session_consume_connection(h->session, len);
}

struct mesh_h2_stream *
mesh_h2_find(const struct mesh_h2 *h, int32_t id)
{
	return id > 0 ? find_stream(h->session, id) : NULL;
}

void
mesh_h2_goaway(struct mesh_h2 *h)
{
	(void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
	    nghttp2_session_get_last_proc_stream_id(h->session),
	    NGHTTP2_NO_ERROR, NULL, 0);
}
