// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/test_run.h"

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <string_view>

#include "explain.skel.h"

namespace rxf::datapath {
namespace {

// What a program reads or changes on its way; its counters are not shared.
constexpr std::array<const char*, 4> kRules = {"mode", "slots", "addresses", "steering"};

// The headers; the kernel takes no more than a page.
constexpr std::size_t kBytesJudged = 256;

std::span<const std::uint8_t> judged(const TestFrame& frame) {
  return frame.bytes.first(std::min(frame.bytes.size(), kBytesJudged));
}

Result<std::uint32_t> run(int fd, std::span<const std::uint8_t> bytes, void* context, std::uint32_t context_size) {
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes.data(), .data_size_in = static_cast<__u32>(bytes.size()),
              .ctx_in = context, .ctx_size_in = context_size);
  if (const int error = bpf_prog_test_run_opts(fd, &options); error != 0)
    return system_error(error, "BPF_PROG_TEST_RUN");
  return options.retval;
}

Result<std::uint32_t> run_xdp(int fd, std::uint32_t ifindex, const TestFrame& frame) {
  const auto bytes = judged(frame);
  // Every device has a queue 0.
  xdp_md context{.data_end = static_cast<__u32>(bytes.size()), .ingress_ifindex = ifindex};
  const auto action = run(fd, bytes, &context, sizeof(context));
  if (!action || *action == XDP_PASS || *action == XDP_DROP) return action;
  return system_error(EPROTO, "the XDP program returned " + std::to_string(*action));
}

}  // namespace

Result<TestRun> TestRun::load(const char* program, rxf_config config, const std::string& pin_directory,
                              std::uint32_t attached) {
  config.trace = 1;
  config.sight = device_sight();
  TestRun made;
  auto object = load_object(embedded_object(), program, config, pin_directory, kRules);
  if (!object) return std::unexpected(object.error());
  made.object_ = std::move(*object);
  made.fd_ = program_fd(made.object_, program);
  made.trace_fd_ = bpf_object__find_map_fd_by_name(made.object_.get(), ".bss");
  made.xdp_ = std::string_view(program) == kEarlyXdpProgram;
  const auto same = same_instructions(attached, made.fd_);
  if (!same) return std::unexpected(same.error());
  if (!*same) return system_error(ESTALE, program);
  return made;
}

Result<void> TestRun::load_stripper() {
  std::size_t size = 0;
  const void* elf = ::explain::elf_bytes(&size);
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "explain");
  ObjectPtr object(bpf_object__open_mem(elf, size, &options));
  if (!object) return system_error(errno, "open the BPF object that strips tags");
  if (const int error = bpf_object__load(object.get()); error != 0)
    return system_error(error, "load the BPF program that strips tags (" + last_library_message() + ")");
  const std::uint32_t key = 0;
  if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object.get(), "asked"), &key, &fd_, BPF_ANY) != 0)
    return system_error(errno, "fill a program array");
  stripper_ = std::move(object);
  return {};
}

Result<std::uint32_t> TestRun::run_tc(std::uint32_t ifindex, const TestFrame& frame) {
  __sk_buff context{.ifindex = ifindex};
  int fd = fd_;
  if (frame.metadata) {
    if (!stripper_)
      if (auto done = load_stripper(); !done) return std::unexpected(done.error());
    context.cb[0] = frame.metadata->tpid;
    context.cb[1] = frame.metadata->tci;
    fd = program_fd(stripper_, "rxf_strip");
  }
  const auto action = run(fd, judged(frame), &context, sizeof(context));
  if (!action || *action == static_cast<std::uint32_t>(TC_ACT_UNSPEC) || *action == TC_ACT_SHOT ||
      *action == TC_ACT_REDIRECT)
    return action;
  return system_error(EPROTO, "the tc program returned " + std::to_string(*action));
}

Result<TestRun::Answer> TestRun::ask(std::uint32_t ifindex, const TestFrame& frame) {
  assert(frame.bytes.size() >= kShortestFrame);
  const auto action = xdp_ ? run_xdp(fd_, ifindex, frame) : run_tc(ifindex, frame);
  if (!action) return std::unexpected(action.error());
  Answer answer{.action = *action};
  const std::uint32_t key = 0;
  if (bpf_map_lookup_elem(trace_fd_, &key, &answer.ruling) != 0) return system_error(errno, "read a ruling");
  return answer;
}

}  // namespace rxf::datapath
