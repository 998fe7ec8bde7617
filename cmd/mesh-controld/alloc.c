/* SPDX-License-Identifier: ISC */
#include "alloc.h"

#define RANGE4 0x64400000u /* 100.64.0.0 */

static const struct {
	uint32_t first, last;
} reserved[] = {
    {0x000000, 0x000000}, /* 100.64.0.0 */
    {0x000053, 0x000053}, /* ...::53, the name service by IPv6 */
    {0x246400, 0x2464ff}, /* 100.100.100.0/24 */
    {0x335c00, 0x335dff}, /* 100.115.92.0/23 */
    {0x3fffff, 0x3fffff}, /* 100.127.255.255 */
};

bool
alloc_is_usable(uint32_t number)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (number >= reserved[i].first && number <= reserved[i].last)
			return false;
	return number < ALLOC_NUMBERS;
}

struct mesh_ip
alloc_ip4(uint32_t number)
{
	uint32_t ip = RANGE4 + number;

	return mesh_ip4((uint8_t)(ip >> 24), (uint8_t)(ip >> 16),
	    (uint8_t)(ip >> 8), (uint8_t)ip);
}

struct mesh_ip
alloc_ip6(uint32_t number)
{
	struct mesh_ip ip = {{0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0}};

	ip.b[13] = (uint8_t)(number >> 16);
	ip.b[14] = (uint8_t)(number >> 8);
	ip.b[15] = (uint8_t)number;
	return ip;
}

uint32_t
alloc_number(const struct mesh_ip *ip4)
{
	const uint8_t *b = mesh_ip_bytes4(ip4);
	uint32_t ip;

	if (!mesh_ip_is4(ip4))
		return 0;
	ip = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	    (uint32_t)b[2] << 8 | b[3];
	return ip - RANGE4 < ALLOC_NUMBERS ? ip - RANGE4 : 0;
}

int
alloc_next(uint32_t from, bool (*is_taken)(void *arg, uint32_t number),
    void *arg, uint32_t *out)
{
	for (uint32_t i = 1; i <= ALLOC_NUMBERS; i++) {
		uint32_t number = (from + i) % ALLOC_NUMBERS;

		if (alloc_is_usable(number) && !is_taken(arg, number)) {
			*out = number;
			return MESH_OK;
		}
	}
	return MESH_ERR_LIMIT;
}
