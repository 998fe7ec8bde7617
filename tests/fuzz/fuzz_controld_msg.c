/* SPDX-License-Identifier: ISC
 * What a broken front may send to the core, and the other way: the first byte
 * says which message, the rest is its body.
 */
#include "mesh-controld/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mesh_rd r = mesh_rd_init(data, len);
	uint8_t which = mesh_rd_u8(&r);
	union {
		struct msg_hello hello;
		struct msg_dh dh;
		struct msg_dh_result result;
		struct register_ask ask;
		struct register_answer answer;
		struct msg_map map;
		struct msg_status status;
		struct msg_frame frame;
		struct sshcheck_ask ssh;
		struct msg_answer answer_json;
		struct msg_part part;
		struct msg_whole whole;
		uint64_t req;
	} m;

	switch (which % 13) {
	case 0:
		(void)msg_read_hello(&r, &m.hello);
		break;
	case 1:
		(void)msg_read_dh(&r, &m.dh);
		break;
	case 2:
		(void)msg_read_dh_result(&r, &m.result);
		break;
	case 3:
		(void)msg_read_register(&r, &m.ask);
		break;
	case 4:
		(void)msg_read_registered(&r, &m.answer);
		break;
	case 5:
		(void)msg_read_map(&r, &m.map);
		break;
	case 6:
		(void)msg_read_status(&r, &m.status);
		break;
	case 7:
		(void)msg_read_req(&r, &m.req);
		break;
	case 8:
		(void)msg_read_ssh(&r, &m.ssh);
		break;
	case 9:
		(void)msg_read_answer(&r, &m.answer_json);
		break;
	case 10:
		(void)msg_read_part(&r, &m.part);
		break;
	case 11:
		(void)msg_read_whole(&r, &m.whole);
		break;
	default:
		(void)msg_read_frame(&r, &m.frame);
	}
	return 0;
}
