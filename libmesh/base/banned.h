/* SPDX-License-Identifier: ISC
 * banned.h - included by force: calls that have no place here. */
#ifndef MESH_BANNED_H
#define MESH_BANNED_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Fortified headers make macros of these two for clang. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat sprintf vsprintf strtok localtime gmtime
#pragma GCC poison atoi atol gets tmpnam
/* Not poisoned: OpenSSL's headers have parameters of that name. */
int rand(void) __attribute__((deprecated("not random enough for anything")));

#endif
