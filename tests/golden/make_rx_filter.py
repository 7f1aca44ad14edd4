#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# Writes rx_filter.json (README.md). What a set leaves behind is stated here, row by row, not worked out.
import json
import pathlib
import struct
import sys

NESTED, NET_BYTEORDER = 0x8000, 0x4000
RX, ADDR, VLAN = 66, 1, 2  # IFLA_RX_FILTER and its halves
FLAGS, UC, MC, ENTRY, BITMAP = 1, 2, 3, 1, 1
BC, PROMISC, ALLMULTI, MULTI = 0x2, 0x100, 0x200, 0x1000
U1, U2, U3 = "020000000001", "020000000002", "02aabbccdd01"
M1, M2, M3 = "01005e000001", "333300000002", "0180c2000021"
BROADCAST, ZERO = "ff" * 6, "00" * 6


def attr(kind, payload=b"", length=None, padded=True):
    """With the length that is true, or another one."""
    length = 4 + len(payload) if length is None else length
    return struct.pack("<HH", length, kind) + payload + bytes(-len(payload) % 4 if padded else 0)


def nest(kind, *parts, **how):
    return attr(kind | NESTED, b"".join(parts), **how)


def flags(bits):
    return attr(FLAGS, struct.pack("<I", bits))


def entry(address):
    return attr(ENTRY, bytes.fromhex(address))


def uc(*addresses):
    return nest(UC, *map(entry, addresses))


def mc(*addresses):
    return nest(MC, *map(entry, addresses))


def bitmap(*vids):
    bits = sum(1 << vid for vid in vids)
    return attr(BITMAP, bits.to_bytes(512, "little"))


def addr(*parts):
    return nest(ADDR, *parts)


def vlan(*vids):
    return nest(VLAN, bitmap(*vids))


def rx(*parts):
    return nest(RX, *parts)


def half(bits, unicast=(), multicast=()):
    """An address half as get states it."""
    return addr(flags(bits), uc(*unicast), mc(*multicast))


def many(first, count):
    return [first + "%08x" % number for number in range(count)]


rows = []


def accepted(name, before, request, after):
    rows.append({"name": name, "link": "passthru", "before": before and before.hex(), "request": request.hex(),
                 "error": None, "offset": None, "after": after.hex()})


def refused(name, error, request, offset=None, before=None, link="passthru"):
    after = before or (rx() if link == "passthru" else None)
    rows.append({"name": name, "link": link, "before": before and before.hex(), "request": request.hex(),
                 "error": error, "offset": offset, "after": after and after.hex()})


USUAL = BC | MULTI
FULL_HALF = half(USUAL, [U1, U2], [M1])
FULL = rx(FULL_HALF, vlan(5, 42))

# Sets where there was nothing. The first is the one of docs/netlink-api.md and docs/examples.
EXAMPLE = rx(half(USUAL, [U3], [M1]), vlan(42))
accepted("example", None, EXAMPLE, EXAMPLE)
accepted("empty", None, rx(), rx())
accepted("flags_only", None, rx(addr(flags(USUAL))), rx(half(USUAL)))
accepted("flags_none", None, rx(addr(flags(0))), rx(half(0)))
accepted("flags_promisc", None, rx(addr(flags(PROMISC))), rx(half(PROMISC)))
accepted("flags_allmulti", None, rx(addr(flags(ALLMULTI))), rx(half(ALLMULTI)))
accepted("flags_all", None, rx(addr(flags(BC | PROMISC | ALLMULTI | MULTI))), rx(half(0x1302)))
accepted("unicast", None, rx(addr(flags(USUAL), uc(U1))), rx(half(USUAL, [U1])))
accepted("multicast", None, rx(addr(flags(MULTI), mc(M1, M2))), rx(half(MULTI, [], [M1, M2])))
accepted("empty_lists", None, rx(addr(flags(BC), uc(), mc())), rx(half(BC)))
accepted("link_local_group", None, rx(addr(flags(MULTI), mc("0180c2000000"))), rx(half(MULTI, [], ["0180c2000000"])))
accepted("globally_unique_unicast", None, rx(addr(flags(0), uc("001122334455"))), rx(half(0, ["001122334455"])))
accepted("vlans", None, rx(vlan(5, 42)), rx(vlan(5, 42)))
accepted("vlan_ends", None, rx(vlan(1, 4094)), rx(vlan(1, 4094)))
accepted("vlan_bits_of_one_byte", None, rx(vlan(*range(8, 16))), rx(vlan(*range(8, 16))))
accepted("no_vlan", None, rx(vlan()), rx(vlan()))
accepted("every_vlan", None, rx(vlan(*range(1, 4095))), rx(vlan(*range(1, 4095))))
accepted("both_halves", None, FULL, FULL)

# In another order, or more than once.
accepted("vlan_half_first", None, rx(vlan(5, 42), FULL_HALF), FULL)
accepted("flags_last", None, rx(addr(mc(M1), uc(U1), flags(MULTI))), rx(half(MULTI, [U1], [M1])))
accepted("unsorted", None, rx(addr(flags(MULTI), uc(U3, U1, U2), mc(M2, M3, M1))),
         rx(half(MULTI, [U1, U2, U3], [M1, M3, M2])))
accepted("duplicate_unicast", None, rx(addr(flags(0), uc(U2, U1, U2, U2))), rx(half(0, [U1, U2])))
accepted("duplicate_multicast", None, rx(addr(flags(MULTI), mc(M2, M2))), rx(half(MULTI, [], [M2])))
accepted("flags_twice", None, rx(addr(flags(USUAL), flags(BC))), rx(half(BC)))
accepted("list_twice", None, rx(addr(flags(0), uc(U1), uc(U2))), rx(half(0, [U2])))
accepted("list_that_does_not_count", None, rx(addr(flags(0), uc(M1), uc())), rx(half(0)))
accepted("bitmap_twice", None, rx(nest(VLAN, bitmap(0), bitmap(7))), rx(vlan(7)))
accepted("half_twice", FULL, rx(vlan(7), nest(VLAN)), rx(FULL_HALF))
accepted("last_padding_left_out", None,
         nest(RX, nest(ADDR, flags(0), nest(UC, attr(ENTRY, bytes.fromhex(U1), padded=False), padded=False),
                       padded=False), padded=False), rx(half(0, [U1])))
accepted("byte_order_flag", None, rx(nest(VLAN, attr(BITMAP | NET_BYTEORDER, bytes(512)))), rx(vlan()))

# Sets where there was something: what is absent stays.
accepted("the_same", FULL, FULL, FULL)
accepted("other_flags", FULL, rx(addr(flags(MULTI | PROMISC))), rx(half(MULTI | PROMISC, [U1, U2], [M1]), vlan(5, 42)))
accepted("other_unicast", FULL, rx(addr(uc(U3))), rx(half(USUAL, [U3], [M1]), vlan(5, 42)))
accepted("other_multicast", FULL, rx(addr(mc(M2, M3))), rx(half(USUAL, [U1, U2], [M3, M2]), vlan(5, 42)))
accepted("clear_unicast", FULL, rx(addr(uc())), rx(half(USUAL, [], [M1]), vlan(5, 42)))
accepted("clear_multicast", FULL, rx(addr(mc())), rx(half(USUAL, [U1, U2]), vlan(5, 42)))
accepted("clear_multicast_and_its_flag", FULL, rx(addr(flags(BC), mc())), rx(half(BC, [U1, U2]), vlan(5, 42)))
accepted("other_vlans", FULL, rx(vlan(7)), rx(FULL_HALF, vlan(7)))
accepted("clear_vlans", FULL, rx(vlan()), rx(FULL_HALF, vlan()))
accepted("other_list_and_vlans", FULL, rx(addr(uc(U3)), vlan(42, 43)), rx(half(USUAL, [U3], [M1]), vlan(42, 43)))
accepted("addresses_beside_vlans", rx(vlan(5)), rx(addr(flags(BC))), rx(half(BC), vlan(5)))
accepted("vlans_beside_addresses", rx(FULL_HALF), rx(vlan(5)), rx(FULL_HALF, vlan(5)))

# Forgetting.
accepted("forget_all", FULL, rx(), rx())
accepted("forget_addresses", FULL, rx(nest(ADDR)), rx(vlan(5, 42)))
accepted("forget_vlans", FULL, rx(nest(VLAN)), rx(FULL_HALF))
accepted("forget_both_halves", FULL, rx(nest(ADDR), nest(VLAN)), rx())
accepted("forget_addresses_that_are_not", rx(vlan(5)), rx(nest(ADDR)), rx(vlan(5)))
accepted("forget_vlans_that_are_not", None, rx(nest(VLAN)), rx())
accepted("forget_addresses_set_vlans", FULL, rx(nest(ADDR), vlan(7)), rx(vlan(7)))
accepted("forget_vlans_set_addresses", FULL, rx(addr(flags(0), uc(), mc()), nest(VLAN)), rx(half(0)))

# As many addresses as can be, and one more.
UNICAST, GROUPS = many("0200", 1024), many("3333", 1024)
accepted("most_addresses", None, rx(addr(flags(MULTI), uc(*UNICAST[:512]), mc(*GROUPS[:512]))),
         rx(half(MULTI, UNICAST[:512], GROUPS[:512])))
accepted("most_addresses_and_a_duplicate", None, rx(addr(flags(0), uc(*UNICAST, UNICAST[0]))), rx(half(0, UNICAST)))
accepted("room_made_and_taken", rx(half(MULTI, UNICAST[:1023], [M1])), rx(addr(uc(), mc(M2))), rx(half(MULTI, [], [M2])))
refused("too_many_addresses", "E2BIG", rx(addr(flags(MULTI), uc(*UNICAST), mc(M1))))
refused("too_many_with_those_there", "E2BIG", rx(addr(mc(M1, M2))), before=rx(half(MULTI, UNICAST[:1023])))

# Refused for what is there.
refused("first_without_flags", "EINVAL", rx(addr(uc(U1))))
refused("first_without_flags_beside_vlans", "EINVAL", rx(addr(mc(M1)), vlan(7)), before=rx(vlan(5)))
refused("multicast_without_flag", "EINVAL", rx(addr(flags(BC), mc(M1))))
refused("multicast_without_flag_there", "EINVAL", rx(addr(mc(M1))), before=rx(half(BC)))
refused("flag_taken_from_multicast", "EINVAL", rx(addr(flags(BC))), before=FULL)
refused("second_half_refused", "EINVAL", rx(vlan(7), addr(flags(BC))), before=FULL)

# Refused for their values; offsets are from the first byte of the request.
refused("group_in_unicast", "EADDRNOTAVAIL", rx(addr(flags(USUAL), uc(M1))), 20)
refused("broadcast_in_unicast", "EADDRNOTAVAIL", rx(addr(flags(USUAL), uc(BROADCAST))), 20)
refused("zero_in_unicast", "EADDRNOTAVAIL", rx(addr(flags(USUAL), uc(U1, ZERO))), 32)
refused("unicast_in_multicast", "EADDRNOTAVAIL", rx(addr(flags(USUAL), mc(M1, U1))), 32)
refused("broadcast_in_multicast", "EADDRNOTAVAIL", rx(addr(flags(USUAL), mc(BROADCAST))), 20)
refused("zero_in_multicast", "EADDRNOTAVAIL", rx(addr(flags(USUAL), mc(ZERO))), 20)
refused("unicast_list_is_looked_at_first", "EADDRNOTAVAIL", rx(addr(mc(U1), uc(M1))), 28)
refused("addresses_are_looked_at_first", "EADDRNOTAVAIL", rx(vlan(0), addr(uc(M1))), 532, FULL)
refused("vid_0", "EINVAL", rx(vlan(0, 5)), 8)
refused("vid_4095", "EINVAL", rx(vlan(5, 4095)), 8, FULL)
refused("unknown_flag", "EINVAL", rx(addr(flags(USUAL | 1))), 8)
refused("high_flag", "EINVAL", rx(addr(flags(0x80000000))), 8)

# Refused for their form, before the values are looked at.
refused("not_nested", "EINVAL", attr(RX, vlan(5)), 0)
refused("empty_not_nested", "EINVAL", attr(RX), 0, FULL)
refused("address_half_not_nested", "EINVAL", rx(attr(ADDR, flags(0))), 4)
refused("vlan_half_not_nested", "EINVAL", rx(attr(VLAN, bitmap(5))), 4)
refused("list_not_nested", "EINVAL", rx(addr(flags(0), attr(UC, entry(U1)))), 16)
refused("flags_nested", "EINVAL", rx(addr(attr(FLAGS | NESTED, bytes(4)))), 8)
refused("entry_nested", "EINVAL", rx(addr(flags(0), nest(UC, attr(ENTRY | NESTED, bytes.fromhex(U1))))), 20)
refused("bitmap_nested", "EINVAL", rx(nest(VLAN, attr(BITMAP | NESTED, bytes(512)))), 8)
refused("unknown_half", "EINVAL", rx(vlan(5), nest(3)), 524)
refused("half_of_type_zero", "EINVAL", rx(nest(0)), 4)
refused("unknown_in_address_half", "EINVAL", rx(addr(flags(0), nest(4))), 16)
refused("unknown_in_list", "EINVAL", rx(addr(flags(0), nest(UC, attr(2, bytes.fromhex(U1))))), 20)
refused("unknown_in_vlan_half", "EINVAL", rx(nest(VLAN, bitmap(5), attr(2))), 524)
refused("flags_too_short", "EINVAL", rx(addr(attr(FLAGS, b"\2\0"))), 8)
refused("flags_too_long", "EINVAL", rx(addr(attr(FLAGS, bytes(8)))), 8)
refused("address_empty", "ERANGE", rx(addr(flags(0), nest(UC, attr(ENTRY)))), 20)
refused("address_too_short", "ERANGE", rx(addr(flags(0), uc("0200000000"))), 20)
refused("address_too_long", "ERANGE", rx(addr(flags(MULTI), mc(M1 + "00"))), 20)
refused("bitmap_empty", "ERANGE", rx(nest(VLAN, attr(BITMAP))), 8)
refused("bitmap_too_short", "ERANGE", rx(nest(VLAN, attr(BITMAP, bytes(511)))), 8)
refused("bitmap_too_long", "ERANGE", rx(nest(VLAN, attr(BITMAP, bytes(513)))), 8)
refused("form_of_what_does_not_count", "ERANGE", rx(addr(flags(0), uc("02"), uc(U1))), 20)
refused("form_is_looked_at_first", "ERANGE", rx(addr(flags(0), uc(M1)), nest(VLAN, attr(BITMAP, bytes(8)))), 36)
refused("one_byte_alone", "ERANGE", nest(RX, b"\0", padded=False), 0, FULL)
refused("three_bytes_alone_in_a_half", "ERANGE", rx(nest(ADDR, bytes(3))), 4)
refused("byte_after_an_entry", "EINVAL", rx(addr(flags(0), nest(UC, entry(U1), b"\0"))))
refused("half_cut_short", "EINVAL", nest(RX, nest(VLAN, bitmap(5))[:-100]))
refused("length_zero", "EINVAL", rx(attr(ADDR | NESTED, length=0)), before=FULL)
refused("length_three", "EINVAL", rx(attr(ADDR | NESTED, length=3)))
refused("longer_than_its_nest", "EINVAL", rx(attr(ADDR | NESTED, length=8)))

# Other links: refused whatever the filter, once its form is right.
refused("veth", "EOPNOTSUPP", FULL, 0, link="veth")
refused("veth_clear", "EOPNOTSUPP", rx(), 0, link="veth")
refused("veth_values_are_not_looked_at", "EOPNOTSUPP", rx(addr(uc(M1))), 0, link="veth")
refused("veth_form_is", "ERANGE", rx(nest(VLAN, attr(BITMAP))), 8, link="veth")

path = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("rx_filter.json")
pathlib.Path(path).write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
