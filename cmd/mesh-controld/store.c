/* SPDX-License-Identifier: ISC */
#include "store_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_APP_ID 0x6d657368 /* "mesh" */
#define STORE_BUSY_MS 2000	/* a backup may hold the file for a moment */
#define STORE_PATH_MAX 4096

/* Each entry brings the schema from its index to the next version. Entries that
 * were released are never changed. */
static const char *const migrations[] = {
    "CREATE TABLE user ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE,"
    " created INTEGER NOT NULL);"
    "CREATE TABLE auth_key ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " ident TEXT NOT NULL UNIQUE,"
    " hash BLOB NOT NULL,"
    " user_id INTEGER NOT NULL REFERENCES user(id) ON DELETE CASCADE,"
    " reusable INTEGER NOT NULL, ephemeral INTEGER NOT NULL,"
    " used INTEGER NOT NULL, revoked INTEGER NOT NULL,"
    " tags TEXT NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL);"
    "CREATE TABLE node ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " user_id INTEGER REFERENCES user(id),"
    " auth_key_id INTEGER NOT NULL,"
    " machine_key BLOB NOT NULL,"
    " node_key BLOB NOT NULL UNIQUE,"
    " disco_key BLOB NOT NULL,"
    " ip4 TEXT NOT NULL UNIQUE, ip6 TEXT NOT NULL UNIQUE,"
    " label TEXT NOT NULL UNIQUE,"
    " hostname TEXT NOT NULL, renamed INTEGER NOT NULL,"
    " tags TEXT NOT NULL, method INTEGER NOT NULL,"
    " ephemeral INTEGER NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " last_seen INTEGER NOT NULL,"
    " capver INTEGER NOT NULL, relay INTEGER NOT NULL,"
    " endpoints TEXT NOT NULL,"
    " hostinfo TEXT NOT NULL, hostinfo_peer TEXT NOT NULL);"
    "CREATE INDEX node_user ON node(user_id);"
    "CREATE TABLE policy ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " text TEXT NOT NULL,"
    " created INTEGER NOT NULL);",
    /* networks behind nodes */
    "ALTER TABLE node ADD COLUMN announced TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE node ADD COLUMN approved TEXT NOT NULL DEFAULT '';",
};
#define STORE_VERSION (int)(sizeof(migrations) / sizeof(migrations[0]))

static int
store_exec(struct store *s, const char *sql)
{
	return store_result(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

int
store_result(struct store *s, int rc)
{
	if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
		return MESH_OK;
	mesh_format(s->error, sizeof(s->error), "%s", sqlite3_errmsg(s->db));
	if (rc == SQLITE_FULL)
		mesh_format(s->error, sizeof(s->error), "no space on the disk");
	if ((rc & 0xff) == SQLITE_CONSTRAINT)
		return MESH_ERR_EXIST;
	memcpy(s->trouble, s->error, sizeof(s->trouble));
	return MESH_ERR_IO;
}

bool
store_trouble(struct store *s, char *out, size_t size)
{
	if (s->trouble[0] == '\0')
		return false;
	mesh_format(out, size, "%s", s->trouble);
	s->trouble[0] = '\0';
	return true;
}

const char *
store_error(const struct store *s)
{
	return s->error;
}

static int
store_pragma_int(struct store *s, const char *sql, int *out)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
		*out = sqlite3_column_int(st, 0);
	rc = store_result(s, rc);
	sqlite3_finalize(st);
	return rc;
}

static int
store_migrate(struct store *s, int from)
{
	char version[64];
	int err = MESH_OK;

	for (int v = from; v < STORE_VERSION && err == MESH_OK; v++) {
		if ((err = store_begin(s)) != MESH_OK)
			return err;
		mesh_format(version, sizeof(version),
		    "PRAGMA application_id = %d; PRAGMA user_version = %d",
		    STORE_APP_ID, v + 1);
		err = store_exec(s, migrations[v]);
		if (err == MESH_OK)
			err = store_exec(s, version);
		if (err == MESH_OK)
			err = store_commit(s);
		if (err != MESH_OK)
			store_rollback(s);
	}
	return err;
}

/* A damaged file is found now, not in the middle of a registration. */
static int
store_check(struct store *s)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st,
	    NULL);
	int err = MESH_OK;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc != SQLITE_ROW)
		err = store_result(s, rc);
	else if (strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0) {
		mesh_format(s->error, sizeof(s->error), "%s",
		    (const char *)sqlite3_column_text(st, 0));
		err = MESH_ERR_IO;
	}
	sqlite3_finalize(st);
	return err;
}

static int
store_setup(struct store *s, const char *path, struct mesh_diag *diag)
{
	int version = 0, app = 0, tables = 0;
	int err = store_pragma_int(s, "PRAGMA user_version", &version);

	if (err == MESH_OK)
		err = store_pragma_int(s, "PRAGMA application_id", &app);
	if (err == MESH_OK)
		err = store_pragma_int(s, "SELECT count(*) FROM sqlite_master",
		    &tables);
	if (err == MESH_OK)
		err = store_check(s);
	if (err != MESH_OK)
		return mesh_fail(diag, err, "database '%s': %s", path,
		    s->error);
	if (app != STORE_APP_ID && (tables > 0 || app != 0))
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "database '%s': not a database of mesh-controld", path);
	if (version > STORE_VERSION)
		return mesh_fail(diag, MESH_ERR_VERSION,
		    "database '%s': version %d, from a newer mesh-controld "
		    "(this one knows %d)", path, version, STORE_VERSION);
	err = store_exec(s, "PRAGMA journal_mode = WAL;"
	    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
	    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
	    /* Read once: the state is in memory. */
	    "PRAGMA cache_size = -256");
	if (err == MESH_OK)
		err = store_migrate(s, version);
	if (err != MESH_OK)
		mesh_fail(diag, err, "database '%s': %s", path, s->error);
	return err;
}

/* SQLite makes paths absolute, and then needs to search every folder above. The
 * state folder may lie below folders of root's that the daemon may not enter, so
 * a path stays as it is: relative to the current folder. */
static int
plain_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	return mesh_format(out, (size_t)size, "%s", name) == MESH_OK
	    ? SQLITE_OK : SQLITE_CANTOPEN;
}

static const char *
store_vfs(void)
{
	static sqlite3_vfs vfs;

	if (vfs.zName == NULL) {
		vfs = *sqlite3_vfs_find(NULL);
		vfs.zName = "mesh";
		vfs.pNext = NULL;
		vfs.xFullPathname = plain_path;
		sqlite3_vfs_register(&vfs, 0);
	}
	return vfs.zName;
}

/* Where SQLite would see a new database, or zeros in the place of data: a file
 * that is empty, or that ends within a page and has no journal to mend it. */
static int
check_length(const char *path, struct mesh_diag *diag)
{
	char journal[STORE_PATH_MAX];
	struct stat st, wal;
	uint8_t head[18];
	uint32_t page;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool whole;

	if (fd < 0 || fstat(fd, &st) < 0) {
		if (fd >= 0)
			close(fd);
		return MESH_OK; /* SQLite says what is wrong, if it is */
	}
	whole = read(fd, head, sizeof(head)) == (ssize_t)sizeof(head);
	close(fd);
	if (whole && memcmp(head, "SQLite format 3", 16) != 0)
		return MESH_OK; /* something else: SQLite says so */
	page = whole ? (uint32_t)head[16] << 8 | head[17] : 0;
	if (page == 1)
		page = 65536;
	if (mesh_format(journal, sizeof(journal), "%s-wal", path) == MESH_OK &&
	    stat(journal, &wal) == 0 && wal.st_size > 0)
		return MESH_OK;
	if (page != 0 && st.st_size % page == 0)
		return MESH_OK;
	return mesh_fail(diag, MESH_ERR_FORMAT,
	    "database '%s' was cut off at %lld bytes: restore it from a backup "
	    "(removing it begins an empty network)", path,
	    (long long)st.st_size);
}

int
store_open(const char *path, struct store **out, struct mesh_diag *diag)
{
	struct store *s = calloc(1, sizeof(*s));
	mode_t mask;
	int rc, err;

	if (s == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	err = check_length(path, diag);
	if (err != MESH_OK) {
		free(s);
		return err;
	}
	mask = umask(077);
	rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	    store_vfs());
	umask(mask);
	if (rc != SQLITE_OK) {
		err = mesh_fail(diag, MESH_ERR_IO,
		    "cannot open database '%s': %s", path,
		    s->db != NULL ? sqlite3_errmsg(s->db) : "out of memory");
	} else {
		sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
		err = store_setup(s, path, diag);
	}
	if (err != MESH_OK) {
		store_close(s);
		return err;
	}
	*out = s;
	return MESH_OK;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < STORE_STATEMENTS; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite3_close(s->db);
	free(s);
}

int
store_begin(struct store *s)
{
	return store_exec(s, "BEGIN IMMEDIATE");
}

int
store_commit(struct store *s)
{
	return store_exec(s, "COMMIT");
}

void
store_settle(struct store *s)
{
	int changes = sqlite3_total_changes(s->db);

	if (changes == s->settled)
		return;
	/* Others may be reading: then another time. */
	sqlite3_busy_timeout(s->db, 0);
	if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
		NULL, NULL) == SQLITE_OK)
		s->settled = changes;
	sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
}

void
store_rollback(struct store *s)
{
	char error[sizeof(s->error)];

	/* The reason for rolling back is what people want to read. */
	memcpy(error, s->error, sizeof(error));
	if (sqlite3_get_autocommit(s->db) == 0)
		(void)store_exec(s, "ROLLBACK");
	memcpy(s->error, error, sizeof(error));
}
