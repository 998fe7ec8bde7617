/* SPDX-License-Identifier: ISC
 * early.h - what a server may say before HTTP/2 begins: the early payload.
 *
 * Wire: FF FF FF 'T' 'S', u32be length, JSON {"nodeKeyChallenge":"chalpub:..."}.
 * The first five bytes are no HTTP/2 frame head (a length of 2^24 - 1 is never
 * sent), so that a client tells by the first nine bytes whether there is one.
 * Source: protocol/control.md 3.5; vectors-control.md 3.2.
 */
#ifndef MESH_CONTROL_EARLY_H
#define MESH_CONTROL_EARLY_H

#include <base/rd.h>
#include <base/text.h>

#define MESH_EARLY_HEAD_LEN 9u /* bytes */
/* Longest JSON that a client takes; what servers send has 95 bytes. */
#define MESH_EARLY_MAX (16u << 10)
#define MESH_EARLY_CHALLENGE_LEN 32u
/* Head and JSON of ours, whole. */
#define MESH_EARLY_LEN (MESH_EARLY_HEAD_LEN + 95u)

/* Is it the head of an early payload? Then *out_len bytes of JSON follow. */
bool mesh_early_head(const uint8_t head[static MESH_EARLY_HEAD_LEN],
    uint32_t *out_len);
/* Checks the JSON; the challenge is of no use to us. MESH_ERR_FORMAT. */
int mesh_early_check(const char *json, size_t len, struct mesh_diag *diag);
/* challenge: a public key, fresh for each connection. */
void mesh_early_write(
    const uint8_t challenge[static MESH_EARLY_CHALLENGE_LEN],
    uint8_t out[static MESH_EARLY_LEN]);

#endif
