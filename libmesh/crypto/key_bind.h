/* SPDX-License-Identifier: ISC
 * key_bind.h - public keys in JSON: the text forms of mesh/key.h as codecs of
 * base/bind.h.
 *
 * An absent key is all zero; it is written as prefix and 64 zeros where the
 * field is not left out (protocol/control.md 1.1). "" and null read as absent.
 */
#ifndef MESH_CRYPTO_KEY_BIND_H
#define MESH_CRYPTO_KEY_BIND_H

#include <base/bind.h>
#include <mesh/key.h>

extern const struct mesh_bind_codec mesh_bind_machine_key;
extern const struct mesh_bind_codec mesh_bind_node_key;
extern const struct mesh_bind_codec mesh_bind_disco_key;

#endif
