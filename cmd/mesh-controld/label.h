/* SPDX-License-Identifier: ISC
 * label.h - the DNS label of a node, from what it calls itself.
 *
 * Source: protocol/control.md 8.2 (the reference's sanitiser; Headscale's
 * "node" for what is left empty, and "-1", "-2" for what is taken).
 */
#ifndef CONTROLD_LABEL_H
#define CONTROLD_LABEL_H

#include "model.h"

/* Always a valid label: letters a-z, digits and '-', none at the ends. */
void label_from_host(struct mesh_str host, char out[static NODE_LABEL_MAX]);
/* base itself, or base-1, base-2, ... cut to fit; n = 0 is base. */
void label_numbered(const char *base, unsigned n,
    char out[static NODE_LABEL_MAX]);
/* What an administrator may choose. */
bool label_is_valid(struct mesh_str label);

#endif
