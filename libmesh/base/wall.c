/* SPDX-License-Identifier: ISC
 * wall.c - RFC 3339 text and seconds since 1970, proleptic Gregorian. */
#include "base/text.h"

#include <stdio.h>

/* Days since 1970-01-01 of a civil date, and back. Eras of 400 years begin on
 * March 1st, so that the leap day is the last day of its year. */
static int64_t
days_from_civil(int64_t y, unsigned m, unsigned d)
{
	int64_t era;
	unsigned yoe, doy, doe;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = (unsigned)(y - era * 400);
	doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + (int64_t)doe - 719468;
}

static void
civil_from_days(int64_t z, int64_t *y, unsigned *m, unsigned *d)
{
	int64_t era;
	unsigned doe, yoe, doy, mp;

	z += 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = (unsigned)(z - era * 146097);
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = (int64_t)yoe + era * 400 + (*m <= 2);
}

static unsigned
days_in_month(unsigned y, unsigned m)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
	    30, 31};
	bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

	return m == 2 && leap ? 29 : days[m - 1];
}

/* Exactly n digits from *s, then the byte `behind` (0: none). */
static bool
take_number(struct mesh_str *s, size_t n, char behind, unsigned max,
    unsigned *out)
{
	size_t len = n + (behind != 0);
	uint64_t v;

	if (s->len < len || (behind != 0 && s->p[n] != behind) ||
	    mesh_parse_u64((struct mesh_str){s->p, n}, max, &v) != MESH_OK)
		return false;
	*out = (unsigned)v;
	s->p += len;
	s->len -= len;
	return true;
}

static bool
take_fraction(struct mesh_str *s, uint32_t *out_nsec)
{
	uint32_t scale = 100000000;
	size_t n = 1;

	*out_nsec = 0;
	if (s->len == 0 || s->p[0] != '.')
		return true;
	while (n < s->len && s->p[n] >= '0' && s->p[n] <= '9') {
		*out_nsec += (uint32_t)(s->p[n] - '0') * scale;
		scale /= 10; /* digits past the ninth count nothing */
		n++;
	}
	s->p += n;
	s->len -= n;
	return n > 1;
}

static bool
take_offset(struct mesh_str *s, int64_t *out_sec)
{
	unsigned h, m;
	char sign;

	*out_sec = 0;
	if (s->len == 1 && (s->p[0] == 'Z' || s->p[0] == 'z'))
		return true;
	if (s->len != 6 || (s->p[0] != '+' && s->p[0] != '-'))
		return false;
	sign = s->p[0];
	s->p++;
	s->len--;
	if (!take_number(s, 2, ':', 23, &h) || !take_number(s, 2, 0, 59, &m))
		return false;
	*out_sec = (int64_t)(h * 3600 + m * 60) * (sign == '+' ? 1 : -1);
	return true;
}

int
mesh_wall_parse(struct mesh_str s, struct mesh_wall *out)
{
	unsigned y, mon, d, h, min, sec;
	int64_t offset;
	uint32_t nsec;

	if (!take_number(&s, 4, '-', 9999, &y) ||
	    !take_number(&s, 2, '-', 12, &mon) || mon == 0 ||
	    !take_number(&s, 2, 0, 31, &d) || d == 0 ||
	    d > days_in_month(y, mon) || s.len == 0 ||
	    (s.p[0] != 'T' && s.p[0] != 't'))
		return MESH_ERR_FORMAT;
	s.p++;
	s.len--;
	if (!take_number(&s, 2, ':', 23, &h) ||
	    !take_number(&s, 2, ':', 59, &min) ||
	    !take_number(&s, 2, 0, 59, &sec) || !take_fraction(&s, &nsec) ||
	    !take_offset(&s, &offset))
		return MESH_ERR_FORMAT;
	out->sec = days_from_civil(y, mon, d) * 86400 + h * 3600 + min * 60 +
	    sec - offset;
	out->nsec = nsec;
	return MESH_OK;
}

void
mesh_wall_format(struct mesh_wall w, char out[static MESH_RFC3339_MAX])
{
	int64_t days = w.sec / 86400, rest = w.sec % 86400, y;
	unsigned m, d;
	char frac[12] = "";

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	civil_from_days(days, &y, &m, &d);
	if (y < 0 || y > 9999) /* RFC 3339 has four digits */
		y = y < 0 ? 0 : 9999;
	if (w.nsec > 0) {
		size_t n;

		snprintf(frac, sizeof(frac), ".%09u", w.nsec % 1000000000u);
		for (n = strlen(frac); frac[n - 1] == '0'; n--)
			frac[n - 1] = 0;
	}
	/* The remainders tell the compiler what the ranges are. */
	snprintf(out, MESH_RFC3339_MAX,
	    "%04u-%02u-%02uT%02u:%02u:%02u%sZ", (unsigned)y % 10000, m % 100,
	    d % 100, (unsigned)(rest / 3600) % 100, (unsigned)(rest / 60 % 60),
	    (unsigned)(rest % 60), frac);
}
