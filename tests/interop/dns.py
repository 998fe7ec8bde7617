#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
# dns.py - a name server and a client for tests, UDP:
#
#	dns.py serve ADDRESS NAME=IPV4 ...	answers these, NXDOMAIN for others
#	dns.py ask ADDRESS NAME [A|AAAA|PTR]	prints the answers, or the error
#
# A reverse question may be asked with the address as its name.
import ipaddress
import socket
import struct
import sys

TYPES = {"A": 1, "PTR": 12, "AAAA": 28}
ERRORS = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def pack_name(name):
    labels = [s for s in name.rstrip(".").split(".") if s]
    return b"".join(bytes([len(s)]) + s.encode() for s in labels) + b"\0"


def unpack_name(data, at):
    labels, end = [], None
    for _ in range(128):
        size = data[at]
        if size == 0:
            return ".".join(labels), at + 1 if end is None else end
        if size >= 0xC0:
            end = at + 2 if end is None else end
            at = (size & 0x3F) << 8 | data[at + 1]
        else:
            labels.append(data[at + 1 : at + 1 + size].decode())
            at += 1 + size
    raise ValueError("name")


def serve(address, records):
    table = dict(r.lower().split("=") for r in records)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 53))
    while True:
        data, peer = sock.recvfrom(4096)
        name, end = unpack_name(data, 12)
        kind = struct.unpack_from("!H", data, end)[0]
        value = table.get(name.lower())
        answer = b""
        if value and kind == 1:
            answer = struct.pack("!HHHIH", 0xC00C, 1, 1, 5, 4)
            answer += ipaddress.ip_address(value).packed
        head = struct.pack("!HHHHHH", struct.unpack_from("!H", data)[0],
                           0x8580 | (0 if value else 3), 1, 1 if answer else 0, 0, 0)
        sock.sendto(head + data[12 : end + 4] + answer, peer)


def ask(address, name, kind="A"):
    if kind == "PTR" and not name.endswith(".arpa"):
        name = ipaddress.ip_address(name).reverse_pointer
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                         socket.SOCK_DGRAM)
    sock.settimeout(5)
    sock.connect((address, 53))
    sock.send(struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + pack_name(name) +
              struct.pack("!HH", TYPES[kind], 1))
    data = sock.recv(4096)
    _, flags, questions, answers = struct.unpack_from("!HHHH", data)
    if flags & 15:
        print(ERRORS.get(flags & 15, flags & 15))
        return
    at = 12
    for _ in range(questions):
        at = unpack_name(data, at)[1] + 4
    for _ in range(answers):
        at = unpack_name(data, at)[1]
        kind, _, _, size = struct.unpack_from("!HHIH", data, at)
        at += 10
        if kind == 12:
            print(unpack_name(data, at)[0])
        elif kind in (1, 28):
            print(ipaddress.ip_address(data[at : at + size]))
        at += size


if sys.argv[1] == "serve":
    serve(sys.argv[2], sys.argv[3:])
else:
    ask(*sys.argv[2:])
