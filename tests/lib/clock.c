/* SPDX-License-Identifier: ISC
 * clock.c - preloaded, it makes the wall clock of a program wrong by what a file
 * says: seconds, in decimal, padded with blanks to 20 bytes. The file may change
 * while the program runs; it is opened once, so programs that lock themselves
 * in see changes too. Nothing else of time is touched.
 *
 *	cc -shared -fPIC -o clock.so clock.c
 *
 * The file is /etc/mesh-clock, in a mount namespace of the program (clock_ns in
 * faults-clock.sh), which has the name of clock.so in /etc/ld.so.preload: roles
 * start without an environment.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LENGTH 20

static const volatile char *text;

__attribute__((constructor)) static void
map(void)
{
	int fd = open("/etc/mesh-clock", O_RDONLY | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd, 0);

	if (p != MAP_FAILED)
		text = p;
	if (fd >= 0)
		close(fd);
}

static int64_t
wrong_by(void)
{
	int64_t n = 0;
	int i = 0;

	if (text == NULL)
		return 0;
	if (text[0] == '-')
		i = 1;
	for (; i < LENGTH && text[i] >= '0' && text[i] <= '9'; i++)
		n = n * 10 + (text[i] - '0');
	return text[0] == '-' ? -n : n;
}

int
clock_gettime(clockid_t id, struct timespec *out)
{
	int rc = (int)syscall(SYS_clock_gettime, id, out);

	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		out->tv_sec += wrong_by();
	return rc;
}

time_t
time(time_t *out)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (out != NULL)
		*out = t.tv_sec;
	return t.tv_sec;
}

int
gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &t);
	*out = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
	return 0;
}
