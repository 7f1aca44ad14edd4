// SPDX-License-Identifier: GPL-2.0-only
/* Lets an upper receive 02:aa:bb:cc:dd:01, 01:00:5e:00:00:01 and broadcast, untagged and on VLAN 42, and prints the
 * filter set as it then is: rx_filter SOCKET UPPER. See docs/netlink-api.md.
 */
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { IFLA_RX_FILTER = 66, ADDR_FILTER = 1, VLAN_FILTER = 2, RTEXT_FILTER_RX_FILTER = 1 << 9 };

static _Alignas(4) char buf[32768];

static struct nlmsghdr *start(int type, const char *upper) {
  struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);

  msg->nlmsg_type = type;
  msg->nlmsg_flags = NLM_F_REQUEST | (type == RTM_SETLINK ? NLM_F_ACK : 0);
  mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
  mnl_attr_put_strz(msg, IFLA_IFNAME, upper);
  return msg;
}

/* Leaves the answer in the place of the message. */
static int ask(int fd, struct nlmsghdr *msg) {
  const struct nlmsgerr *error = mnl_nlmsg_get_payload(msg);

  if (send(fd, buf, msg->nlmsg_len, 0) < 0 || recv(fd, buf, sizeof(buf), 0) < (int)sizeof(*msg))
    return perror("API socket"), 0;
  if (msg->nlmsg_type != NLMSG_ERROR || !error->error) return 1;
  return fprintf(stderr, "refused: %s\n", strerror(-error->error)), 0;
}

int main(int argc, char **argv) {
  const unsigned char unicast[6] = {0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01}, group[6] = {1, 0, 0x5e, 0, 0, 1};
  const unsigned char vlans[512] = {[42 / 8] = 1 << 42 % 8};
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  struct nlattr *filter, *half, *list, *attr;
  struct nlmsghdr *msg;

  if (argc != 3 || strlen(argv[1]) >= sizeof(to.sun_path)) return fputs("rx_filter SOCKET UPPER\n", stderr), 2;
  strcpy(to.sun_path, argv[1]);
  if (connect(fd, (void *)&to, sizeof(to))) return perror(argv[1]), 1;

  msg = start(RTM_SETLINK, argv[2]);
  filter = mnl_attr_nest_start(msg, IFLA_RX_FILTER);
  half = mnl_attr_nest_start(msg, ADDR_FILTER);
  mnl_attr_put_u32(msg, 1, IFF_BROADCAST | IFF_MULTICAST);
  list = mnl_attr_nest_start(msg, 2); /* unicast: all that are to be received, beside the upper's own address */
  mnl_attr_put(msg, 1, sizeof(unicast), unicast);
  mnl_attr_nest_end(msg, list);
  list = mnl_attr_nest_start(msg, 3); /* multicast */
  mnl_attr_put(msg, 1, sizeof(group), group);
  mnl_attr_nest_end(msg, list);
  mnl_attr_nest_end(msg, half);
  half = mnl_attr_nest_start(msg, VLAN_FILTER);
  mnl_attr_put(msg, 1, sizeof(vlans), vlans);
  mnl_attr_nest_end(msg, half);
  mnl_attr_nest_end(msg, filter);
  if (!ask(fd, msg)) return 1;

  msg = start(RTM_GETLINK, argv[2]);
  mnl_attr_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_RX_FILTER);
  if (!ask(fd, msg)) return 1;
  mnl_attr_for_each(attr, msg,
                    sizeof(struct ifinfomsg)) for (int i = 0;
                                                   mnl_attr_get_type(attr) == IFLA_RX_FILTER && i < attr->nla_len; i++)
      printf("%02x%s", ((unsigned char *)attr)[i], i + 1 < attr->nla_len ? "" : "\n");
  return 0;
}
