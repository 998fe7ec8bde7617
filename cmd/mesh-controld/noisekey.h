/* SPDX-License-Identifier: ISC
 * noisekey.h - the server's own key: a file of one line in the state folder,
 * mode 0600, made when missing.
 */
#ifndef CONTROLD_NOISEKEY_H
#define CONTROLD_NOISEKEY_H

#include <mesh/key.h>

#define NOISEKEY_FILE "noise.key"

/* dir: descriptor of the folder. random: for a new key. diag says what is wrong
 * with the file; a damaged one is never replaced: every node knows its key. */
int noisekey_load(int dir, const uint8_t random[static MESH_KEY_LEN],
    struct mesh_machine_secret *out, struct mesh_diag *diag);

#endif
