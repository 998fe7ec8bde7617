#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""probe: what passes between two machines.

    probe serve                 TCP and UDP on the ports, both families, for ever
    probe ask ADDRESS ADDRESS6  a word of one digit for each probe, 1: it passed:
                                TCP on each port, UDP on each port, ICMP; then all
                                of it again by IPv6

All probes of a question run at once; one that is not answered costs two seconds.
"""
import concurrent.futures
import selectors
import socket
import subprocess
import sys

PORTS = (7001, 7002, 7003)
PATIENCE = 2  # seconds


def serve():
    sel = selectors.DefaultSelector()
    for port in PORTS:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            s = socket.socket(socket.AF_INET6, kind)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            s.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                s.listen()
            sel.register(s, selectors.EVENT_READ)
    print("serving", flush=True)
    while True:
        for key, _ in sel.select():
            s = key.fileobj
            if s.type == socket.SOCK_STREAM:
                s.accept()[0].close()
            else:
                data, peer = s.recvfrom(100)
                s.sendto(data, peer)


def tcp(address, port):
    socket.create_connection((address, port), PATIENCE).close()
    return True


def udp(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.connect((address, port))
        s.send(b"?")
        return s.recv(100) == b"?"


def icmp(address, _):
    command = ["ping", "-nq", "-c", "1", "-W", str(PATIENCE), address]
    return subprocess.run(command, capture_output=True).returncode == 0


def passes(what):
    probe, address, port = what
    try:
        return probe(address, port)
    except OSError:
        return False


def ask(addresses):
    probes = []
    for a in addresses:
        probes += [(tcp, a, p) for p in PORTS] + [(udp, a, p) for p in PORTS]
        probes.append((icmp, a, None))
    with concurrent.futures.ThreadPoolExecutor(len(probes)) as pool:
        print("".join("1" if ok else "0" for ok in pool.map(passes, probes)))


if sys.argv[1] == "serve":
    serve()
else:
    ask(sys.argv[2:])
