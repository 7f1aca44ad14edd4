#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Lets an upper receive 02:aa:bb:cc:dd:01, 01:00:5e:00:00:01 and broadcast, untagged and on VLAN 42, and prints the
filter set as it then is: rx_filter.py SOCKET UPPER. See docs/netlink-api.md."""
import os
import socket
import struct
import sys

RTM_GETLINK, RTM_SETLINK, NLMSG_ERROR, NLM_F_REQUEST, NLM_F_ACK, NLA_F_NESTED = 18, 19, 2, 1, 4, 0x8000
IFLA_IFNAME, IFLA_EXT_MASK, IFLA_RX_FILTER, RTEXT_FILTER_RX_FILTER = 3, 29, 66, 1 << 9
ADDR_FILTER, VLAN_FILTER, IFF_BROADCAST, IFF_MULTICAST = 1, 2, 0x2, 0x1000


def attr(kind, payload):
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def nest(kind, *parts):
    return attr(kind | NLA_F_NESTED, b"".join(parts))


def addresses(kind, *macs):
    return nest(kind, *(attr(1, bytes.fromhex(mac.replace(":", ""))) for mac in macs))


def ask(api, kind, flags, *attributes):
    """The answer's type and what follows its header. An error ends the program."""
    body = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + b"".join(attributes)  # struct ifinfomsg: found by name
    api.send(struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, 1, 0) + body)
    answer = api.recv(32768)
    length, kind = struct.unpack_from("=IH", answer)
    code = struct.unpack_from("=i", answer, 16)[0] if kind == NLMSG_ERROR else 0
    if code:
        sys.exit("refused: " + os.strerror(-code))
    return answer[16:length]


path, upper = sys.argv[1:]
api = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
api.connect(path)
name = attr(IFLA_IFNAME, upper.encode() + b"\0")
wanted = nest(IFLA_RX_FILTER,
              nest(ADDR_FILTER, attr(1, struct.pack("=I", IFF_BROADCAST | IFF_MULTICAST)),
                   addresses(2, "02:aa:bb:cc:dd:01"), addresses(3, "01:00:5e:00:00:01")),
              nest(VLAN_FILTER, attr(1, (1 << 42).to_bytes(512, "little"))))
ask(api, RTM_SETLINK, NLM_F_ACK, name, wanted)

link = ask(api, RTM_GETLINK, 0, name, attr(IFLA_EXT_MASK, struct.pack("=I", RTEXT_FILTER_RX_FILTER)))[16:]
while link:
    length, kind = struct.unpack_from("=HH", link)
    if kind & 0x3FFF == IFLA_RX_FILTER:
        print(link[:length].hex())
    link = link[(length + 3) & ~3:]
