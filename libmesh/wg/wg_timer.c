/* SPDX-License-Identifier: ISC
 * The event table and the timers of protocol/dataplane.md 1.5. */
#include "wg/wg_int.h"

static void
arm(struct mesh_wg_peer *p, enum wg_timer t, uint64_t ns, struct mesh_time now)
{
	p->timers[t] = mesh_time_add(now, ns);
}

static void
disarm(struct mesh_wg_peer *p, enum wg_timer t)
{
	p->timers[t] = MESH_NEVER;
}

static bool
pending(const struct mesh_wg_peer *p, enum wg_timer t)
{
	return !mesh_time_is_never(p->timers[t]);
}

/* Anything authentic, in or out. */
static void
traffic(struct mesh_wg_peer *p, struct mesh_time now)
{
	if (p->persistent > 0)
		arm(p, WG_TIMER_PERSISTENT, p->persistent, now);
}

void
mesh_wg_int_sent(struct mesh_wg_peer *p, bool data, struct mesh_time now)
{
	traffic(p, now);
	disarm(p, WG_TIMER_KEEPALIVE);
	if (data && !pending(p, WG_TIMER_NEW_HANDSHAKE))
		arm(p, WG_TIMER_NEW_HANDSHAKE,
		    WG_NEW_HANDSHAKE_AFTER + p->jitter, now);
}

void
mesh_wg_int_received(struct mesh_wg_peer *p, bool data, struct mesh_time now)
{
	traffic(p, now);
	disarm(p, WG_TIMER_NEW_HANDSHAKE);
	if (!data)
		return;
	if (pending(p, WG_TIMER_KEEPALIVE))
		p->another_keepalive = true;
	else
		arm(p, WG_TIMER_KEEPALIVE, WG_KEEPALIVE_AFTER, now);
}

void
mesh_wg_int_initiated(struct mesh_wg_peer *p, struct mesh_time now)
{
	arm(p, WG_TIMER_RETRY, WG_REKEY_TIMEOUT + p->jitter, now);
}

void
mesh_wg_int_derived(struct mesh_wg_peer *p, struct mesh_time now)
{
	arm(p, WG_TIMER_ZERO, WG_ZERO_AFTER, now);
}

void
mesh_wg_int_completed(struct mesh_wg_peer *p, struct mesh_time now)
{
	disarm(p, WG_TIMER_RETRY);
	p->attempts = 0;
	p->stats.handshake = now;
	p->wg->counts.handshakes++;
}

static void
give_up(struct mesh_wg_peer *p, struct mesh_time now)
{
	mesh_wg_int_forget_handshake(p);
	disarm(p, WG_TIMER_KEEPALIVE);
	if (!pending(p, WG_TIMER_ZERO))
		arm(p, WG_TIMER_ZERO, WG_ZERO_AFTER, now);
	mesh_wg_int_todo(p, WG_TODO_FAILED);
}

static void
on_retry(struct mesh_wg_peer *p, struct mesh_time now)
{
	if (p->attempts > WG_ATTEMPTS_MAX) {
		give_up(p, now);
		return;
	}
	p->attempts++;
	mesh_wg_int_initiate(p, true, now);
}

static void
on_keepalive(struct mesh_wg_peer *p, struct mesh_time now)
{
	mesh_wg_int_keepalive(p, now);
	if (p->another_keepalive) {
		p->another_keepalive = false;
		arm(p, WG_TIMER_KEEPALIVE, WG_KEEPALIVE_AFTER, now);
	}
}

static void
on_new_handshake(struct mesh_wg_peer *p, struct mesh_time now)
{
	mesh_wg_int_initiate(p, false, now);
}

static void
on_zero(struct mesh_wg_peer *p, struct mesh_time now)
{
	(void)now;
	mesh_wg_int_forget_handshake(p);
	mesh_wg_int_forget_sessions(p);
	disarm(p, WG_TIMER_RETRY);
	disarm(p, WG_TIMER_KEEPALIVE);
	disarm(p, WG_TIMER_NEW_HANDSHAKE);
	mesh_wg_int_todo(p, WG_TODO_EXPIRED);
}

static void
on_persistent(struct mesh_wg_peer *p, struct mesh_time now)
{
	arm(p, WG_TIMER_PERSISTENT, p->persistent, now);
	mesh_wg_int_keepalive(p, now);
}

static void (*const on_timer[WG_TIMERS])(struct mesh_wg_peer *p,
    struct mesh_time now) = {
    [WG_TIMER_RETRY] = on_retry,
    [WG_TIMER_KEEPALIVE] = on_keepalive,
    [WG_TIMER_NEW_HANDSHAKE] = on_new_handshake,
    [WG_TIMER_ZERO] = on_zero,
    [WG_TIMER_PERSISTENT] = on_persistent,
};

void
mesh_wg_peer_tick(struct mesh_wg_peer *p, struct mesh_time now)
{
	p->armed = MESH_NEVER;
	for (size_t i = 0; i < WG_TIMERS; i++) {
		if (!mesh_time_due(p->timers[i], now))
			continue;
		disarm(p, (enum wg_timer)i);
		on_timer[i](p, now);
	}
	mesh_wg_int_rearm(p);
}

struct mesh_time
mesh_wg_peer_deadline(const struct mesh_wg_peer *p)
{
	struct mesh_time first = p->timers[0];

	for (size_t i = 1; i < WG_TIMERS; i++)
		first = mesh_time_min(first, p->timers[i]);
	return first;
}

void
mesh_wg_peer_set_keepalive(struct mesh_wg_peer *p, uint64_t every_ns,
    struct mesh_time now)
{
	p->persistent = every_ns;
	if (every_ns > 0)
		p->timers[WG_TIMER_PERSISTENT] = now; /* one at once */
	else
		disarm(p, WG_TIMER_PERSISTENT);
	mesh_wg_int_rearm(p);
}
