/* SPDX-License-Identifier: ISC
 * main.c - replays a fuzz target's corpus without a fuzzing engine, as a TAP
 * test: each file of tests/fuzz/corpus/NAME/, whole, cut short and with bits
 * flipped. With --enable-fuzzing libFuzzer brings its own main.
 */
#ifndef MESH_LIBFUZZER

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1u << 20) /* bytes of one corpus file */
#define CUTS 64u	     /* truncations and flips tried per file */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
run_copy(const uint8_t *data, size_t len)
{
	/* Exactly sized, so that sanitizers see a read past the end. */
	uint8_t *copy = malloc(len ? len : 1);

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void
run_variants(uint8_t *data, size_t len)
{
	size_t step = len / CUTS + 1;

	run_copy(data, len);
	for (size_t i = 0; i < len; i += step) {
		run_copy(data, i);
		data[i] ^= (uint8_t)(1u << (i % 8));
		run_copy(data, len);
		data[i] ^= (uint8_t)(1u << (i % 8));
	}
}

static int
run_file(const char *path)
{
	uint8_t *data = malloc(INPUT_MAX);
	FILE *f = fopen(path, "rb");
	size_t len;

	if (data == NULL || f == NULL) {
		printf("# cannot open %s: %s\n", path, strerror(errno));
		free(data);
		return -1;
	}
	len = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	run_variants(data, len);
	free(data);
	return 0;
}

static int
run_folder(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int files = 0;

	if (d == NULL) {
		printf("# cannot open %s: %s\n", dir, strerror(errno));
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		char path[PATH_MAX + 256];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (run_file(path) < 0) {
			files = -1;
			break;
		}
		files++;
	}
	closedir(d);
	return files;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];
	char dir[PATH_MAX];
	int files;

	if (strncmp(name, "lt-", 3) == 0)
		name += 3;
	if (strncmp(name, "fuzz_", 5) == 0)
		name += 5;
	snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/%s", top ? top : ".",
	    name);
	run_copy((const uint8_t *)"", 0);
	files = run_folder(argc > 1 ? argv[1] : dir);
	printf("1..1\n%s 1 - replay of %d corpus files of %s\n",
	    files > 0 ? "ok" : "not ok", files, name);
	return files > 0 ? 0 : 1;
}

#else
typedef int mesh_fuzz_main_is_libfuzzers;
#endif
