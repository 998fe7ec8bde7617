/* SPDX-License-Identifier: ISC
 * filter/check.h - the filter for callers that have parsed the packet already:
 * the same as mesh_filter_in() and _out(), one parse fewer.
 */
#ifndef MESH_FILTER_CHECK_H
#define MESH_FILTER_CHECK_H

#include <mesh/filter.h>
#include <wire/ip.h>

enum mesh_filter_verdict mesh_filter_check_in(struct mesh_filter *f,
    const struct mesh_ip_packet *p, bool jailed, struct mesh_time now);
enum mesh_filter_verdict mesh_filter_check_out(struct mesh_filter *f,
    const struct mesh_ip_packet *p, bool jailed, struct mesh_time now);

#endif
