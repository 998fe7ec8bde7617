/* SPDX-License-Identifier: ISC
 * relay_vectors.h - complete frames as the stock client and server of release
 * 1.102.5 write them with fixed keys and nonces (client info: nonce 00..17,
 * server info: 18..2f). Source: protocol/vectors-dataplane.md 4.3.
 */
#ifndef TESTS_UNIT_RELAY_VECTORS_H
#define TESTS_UNIT_RELAY_VECTORS_H

#define VECTOR_A_SECRET                                                        \
	"700727cc3d7b80f179f41f666ae99661e18cb9e583c5f65e62ff95d19c1a"         \
	"1e59"
#define VECTOR_A_PUBLIC                                                        \
	"6a8d5dc0b23855a1ffbf34a4de4ae896e0c5d0c41dbde4f776aadb6572fd"         \
	"d275"
#define VECTOR_B_SECRET                                                        \
	"a862d4b1111e30065a54ea148a5cbd6e4ee4ad2373327fb51cff53d66f6c"         \
	"2676"
#define VECTOR_B_PUBLIC                                                        \
	"c25938651ae80f02f660d1bc48bbbfc768bd06ebc769381295629fc26eac"         \
	"122e"
#define VECTOR_SERVER_SECRET                                                   \
	"d88fe40d5e6700e4e8d9b88558c07b3c2627444d1f476681f6611fb2261b"         \
	"754a"
#define VECTOR_SERVER_PUBLIC                                                   \
	"9f8b8179d8fa3a2161e27e557920932b635f8fcaec6c9918c0f837412e19"         \
	"1706"
#define VECTOR_SERVER_KEY                                                      \
	"010000002844455250f09f94919f8b8179d8fa3a2161e27e557920932b63"         \
	"5f8fcaec6c9918c0f837412e191706"
#define VECTOR_CLIENT_INFO                                                     \
	"02000000686a8d5dc0b23855a1ffbf34a4de4ae896e0c5d0c41dbde4f776"         \
	"aadb6572fdd275000102030405060708090a0b0c0d0e0f10111213141516"         \
	"1783be9eaba7c037301246668a9aec0b93143e68ddec4ce44d137eaf07ff"         \
	"9146db8fe34995c0d01322c18650daafec3efa"
#define VECTOR_SERVER_INFO                                                     \
	"030000003518191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f76"         \
	"d23e60fcbfd70b3a5a382b9ee15916e0370cd0a64345adbf23c5a9d7"
#define VECTOR_SEND_PACKET                                                     \
	"0400000025c25938651ae80f02f660d1bc48bbbfc768bd06ebc769381295"         \
	"629fc26eac122e68656c6c6f"
#define VECTOR_RECV_PACKET                                                     \
	"05000000256a8d5dc0b23855a1ffbf34a4de4ae896e0c5d0c41dbde4f776"         \
	"aadb6572fdd27568656c6c6f"
#define VECTOR_PREFERRED "070000000101"
#define VECTOR_GONE                                                            \
	"0800000021c25938651ae80f02f660d1bc48bbbfc768bd06ebc769381295"         \
	"629fc26eac122e01"
#define VECTOR_PRESENT                                                         \
	"0900000033c25938651ae80f02f660d1bc48bbbfc768bd06ebc769381295"         \
	"629fc26eac122e00000000000000000000ffffc0000207a2a901"
#define VECTOR_FORWARD                                                         \
	"0a000000456a8d5dc0b23855a1ffbf34a4de4ae896e0c5d0c41dbde4f776"         \
	"aadb6572fdd275c25938651ae80f02f660d1bc48bbbfc768bd06ebc76938"         \
	"1295629fc26eac122e68656c6c6f"

#endif
