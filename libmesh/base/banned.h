/* SPDX-License-Identifier: ISC
 * banned.h - included by force: calls that have no place here. */
#ifndef MESH_BANNED_H
#define MESH_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strtok localtime gmtime rand
#pragma GCC poison atoi atol gets tmpnam

#endif
