/* SPDX-License-Identifier: ISC
 * store_int.h - what store.c (the file) and store_rows.c (the records) share.
 */
#ifndef CONTROLD_STORE_INT_H
#define CONTROLD_STORE_INT_H

#include "store.h"

#include <sqlite3.h>

enum store_statement {
	STORE_USER_ADD,
	STORE_USER_REMOVE,
	STORE_KEY_ADD,
	STORE_KEY_UPDATE,
	STORE_NODE_ADD,
	STORE_NODE_UPDATE,
	STORE_NODE_REMOVE,
	STORE_POLICY_ADD,
	STORE_POLICY_TRIM,
	STORE_USER_LOAD,
	STORE_KEY_LOAD,
	STORE_NODE_LOAD,
	STORE_POLICY_LOAD,
	STORE_STATEMENTS
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STORE_STATEMENTS];
	int settled; /* changes when it was */
	char error[160];
	char trouble[160]; /* not asked for yet; "": none */
};

/* Notes the error's text; the matching enum mesh_err. */
int store_result(struct store *s, int rc);

#endif
