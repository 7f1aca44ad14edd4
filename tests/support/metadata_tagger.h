// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <memory>

#include "loader/util/fd.h"

struct metadata_tag;

namespace rxf::test {

// Makes a veth end transmit frames whose VLAN tag is in metadata, not in the bytes, as a NIC that strips tags delivers
// them; FrameSender::send(frame, tag) asks for it frame by frame. A tag in the bytes stays there, inside of it. Without
// it no such frame can be made where the kernel has no VLAN devices. XDP cannot see metadata: to native XDP on the
// receiving veth such a frame is untagged.
//
// It is a tc egress program on a device of the calling thread's namespace, up or not. Destroying it removes the program
// but leaves the clsact, which others may use by then. Throws std::system_error.
class MetadataTagger {
 public:
  explicit MetadataTagger(std::uint32_t ifindex);
  ~MetadataTagger();
  MetadataTagger(const MetadataTagger&) = delete;
  MetadataTagger& operator=(const MetadataTagger&) = delete;

 private:
  struct Destroy {
    void operator()(metadata_tag* skeleton) const;
  };

  std::uint32_t ifindex_;
  Fd netns_;
  std::unique_ptr<metadata_tag, Destroy> skeleton_;
};

}  // namespace rxf::test
