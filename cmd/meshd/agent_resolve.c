/* SPDX-License-Identifier: ISC
 * agent_resolve.c - names to addresses by the system's resolver, which blocks:
 * so a thread for each look-up, which knows nothing but the name, and says that
 * it is done by a pointer in a pipe.
 */
#include "agent_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_LEN (256u << 10)

struct agent_lookup {
	/* the thread's */
	char host[MESH_URL_HOST_MAX];
	int done_fd;
	struct agent_addrs addrs;
	/* the loop's */
	agent_resolved_fn *done; /* NULL: cancelled */
	void *arg;
};

static void
add_address(struct agent_addrs *out, const struct sockaddr *sa)
{
	struct mesh_ip ip;

	if (out->count == AGENT_ADDRS_MAX)
		return;
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		ip = mesh_ip_from4((const uint8_t *)&in->sin_addr);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const void *)sa;

		ip = mesh_ip_from16((const uint8_t *)&in->sin6_addr);
	} else {
		return;
	}
	out->v[out->count++] = ip;
}

static void *
look_up(void *arg)
{
	struct agent_lookup *l = arg;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *list = NULL;

	if (getaddrinfo(l->host, NULL, &hints, &list) == 0) {
		for (struct addrinfo *i = list; i != NULL; i = i->ai_next)
			add_address(&l->addrs, i->ai_addr);
		freeaddrinfo(list);
	}
	while (write(l->done_fd, &l, sizeof(l)) < 0 && errno == EINTR)
		;
	return NULL;
}

static void
finish(struct agent_lookup *l)
{
	if (l->done != NULL)
		l->done(l->arg, &l->addrs);
	free(l);
}

static void
on_done(evutil_socket_t fd, short what, void *arg)
{
	struct agent_lookup *l;

	(void)what;
	(void)arg;
	while (read(fd, &l, sizeof(l)) == sizeof(l))
		finish(l);
}

static void
on_literal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg);
}

int
agent_resolve_init(struct agent *a)
{
	if (pipe2(a->lookup_pipe, O_CLOEXEC) < 0 ||
	    fcntl(a->lookup_pipe[0], F_SETFL, O_NONBLOCK) < 0)
		return MESH_ERR_IO;
	a->lookup_event = event_new(a->base, a->lookup_pipe[0],
	    EV_READ | EV_PERSIST, on_done, a);
	if (a->lookup_event == NULL || event_add(a->lookup_event, NULL) < 0)
		return MESH_ERR_NOMEM;
	return MESH_OK;
}

static bool
start_thread(struct agent_lookup *l)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool ok;

	if (pthread_attr_init(&attr) != 0)
		return false;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK_LEN);
	ok = pthread_create(&thread, &attr, look_up, l) == 0;
	(void)pthread_attr_destroy(&attr);
	return ok;
}

struct agent_lookup *
agent_resolve(struct agent *a, const char *host, agent_resolved_fn *done,
    void *arg)
{
	static const struct timeval at_once;
	struct agent_lookup *l = calloc(1, sizeof(*l));
	bool started = false;

	if (l == NULL)
		return NULL;
	l->done = done;
	l->arg = arg;
	l->done_fd = a->lookup_pipe[1];
	if (mesh_ip_parse(mesh_str(host), &l->addrs.v[0]) == MESH_OK) {
		l->addrs.count = 1;
		started = event_base_once(a->base, -1, EV_TIMEOUT, on_literal,
		    l, &at_once) == 0;
	} else if (mesh_str_copy(mesh_str(host), l->host, sizeof(l->host)) ==
	    MESH_OK) {
		started = start_thread(l);
	}
	if (!started) {
		free(l);
		return NULL;
	}
	return l;
}

/* Its thread goes on; nobody listens any more. */
void
agent_resolve_cancel(struct agent_lookup *l)
{
	if (l != NULL)
		l->done = NULL;
}
