// SPDX-License-Identifier: GPL-2.0-only
// What cannot be done is refused with one clear line and an exit status, and changes nothing.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/support/command.h"
#include "tests/support/host_state.h"
#include "tests/support/loader_command.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

namespace fs = std::filesystem;

// $RXF is the command with the test's bpffs, $LOADER without; $BPFFS, $FILES and $READ_ONLY are directories.
struct Misuse {
  const char* name;
  std::string command;
  int status;
  std::vector<std::string> said;  // parts of the one line
};

// Whoever names a case prints it.
void PrintTo(const Misuse& misuse, std::ostream* out) { *out << misuse.command; }

std::string many_addresses(int count) {
  std::string list;
  for (int i = 0; i < count; ++i) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%s02:cc:00:00:%02x:%02x", i == 0 ? "" : ",", i >> 8, i & 0xff);
    list += text.data();
  }
  return list;
}

std::vector<Misuse> device_cases() {
  return {
      {"AttachNoSuchDevice", "$RXF attach nosuch", 1, {"no such device: nosuch"}},
      {"DetachNoSuchDevice", "$RXF detach nosuch", 1, {"no such device: nosuch"}},
      {"SetNoSuchDevice", "$RXF set nosuch --vlan 5", 1, {"no such device: nosuch"}},
      {"GetNoSuchDevice", "$RXF get nosuch", 1, {"no such device: nosuch"}},
      {"ClearNoSuchDevice", "$RXF clear nosuch", 1, {"no such device: nosuch"}},
      {"StatusNoSuchDevice", "$RXF status nosuch", 1, {"no such device: nosuch"}},
      {"AttachUpper", "$RXF attach upper", 2, {"upper is itself a macvtap", "set upper"}},
      {"AttachLoopback", "$RXF attach lo", 2, {"lo is the loopback device"}},
      {"SetLowerDevice", "$RXF set lower --vlan 5", 1, {"lower is no macvlan or macvtap"}},
      {"GetLowerDevice", "$RXF get lower", 1, {"lower is no macvlan or macvtap"}},
      {"ClearLowerDevice", "$RXF clear lower", 1, {"lower is no macvlan or macvtap"}},
      {"SetNotAttached", "$RXF set stray --vlan 5", 3, {"stray", "free is not attached", "attach free"}},
      {"GetNotAttached", "$RXF get stray", 3, {"free is not attached"}},
      {"ClearNotAttached", "$RXF clear stray", 3, {"free is not attached"}},
      {"StatusNotAttached", "$RXF status free", 3, {"free is not attached"}},
      {"NoSuchNamespace", "$RXF -n rxf-no-such-namespace status", 1, {"rxf-no-such-namespace"}},
      {"DeviceNameWithSlash", "$RXF attach ../lower", 2, {"\"../lower\" is not a device name"}},
      {"DeviceNameWithEscape", "$RXF attach \"$(printf 'a\\033[31m\\nb')\"", 2, {"is not a device name"}},
  };
}

std::vector<Misuse> filter_cases() {
  return {
      {"MalformedAddress", "$RXF set upper --unicast 02:00:00", 2, {"--unicast", "02:00:00"}},
      {"AddressOfLetters", "$RXF set upper --unicast 02:00:00:00:00:0g", 2, {"--unicast", "02:00:00:00:00:0g"}},
      {"AddressTooLong", "$RXF set upper --unicast 02:00:00:00:00:01:02", 2, {"--unicast"}},
      {"EmptyAddress", "$RXF set upper --unicast 02:00:00:00:00:01,", 2, {"--unicast", "empty item"}},
      {"MulticastAsUnicast",
       "$RXF set upper --unicast 01:00:5e:00:00:01",
       2,
       {"--unicast", "01:00:5e:00:00:01", "a multicast address"}},
      {"UnicastAsMulticast",
       "$RXF set upper --multicast 02:00:00:00:00:01",
       2,
       {"--multicast", "02:00:00:00:00:01", "a unicast address"}},
      {"BroadcastAsUnicast", "$RXF set upper --unicast ff:ff:ff:ff:ff:ff", 2, {"the broadcast address"}},
      {"BroadcastAsMulticast", "$RXF set upper --multicast ff:ff:ff:ff:ff:ff", 2, {"the broadcast address"}},
      {"ZeroAsUnicast", "$RXF set upper --unicast 00:00:00:00:00:00", 2, {"all zero"}},
      {"ZeroAsMulticast", "$RXF set upper --multicast 00:00:00:00:00:00", 2, {"all zero"}},
      {"Vlan0", "$RXF set upper --vlan 0", 2, {"--vlan", "VID 0", "reserved"}},
      {"Vlan4095", "$RXF set upper --vlan 4095", 2, {"--vlan", "VID 4095", "reserved"}},
      {"Vlan5000", "$RXF set upper --vlan 5000", 2, {"--vlan", "VID 5000", "out of range"}},
      {"Vlan70000", "$RXF set upper --vlan 70000", 2, {"--vlan", "VID 70000", "out of range"}},
      {"VlanRangeTo4095", "$RXF set upper --vlan 4000-4095", 2, {"--vlan", "VID 4095"}},
      {"VlanEmpty", "$RXF set upper --vlan ''", 2, {"--vlan", "empty item"}},
      {"VlanRangeWithoutEnd", "$RXF set upper --vlan 5-", 2, {"--vlan", "5-"}},
      {"VlanRangeReversed", "$RXF set upper --vlan 9-5", 2, {"--vlan", "9-5", "reversed"}},
      {"VlanNotANumber", "$RXF set upper --vlan lan", 2, {"--vlan", "lan"}},
      {"UnknownFlag", "$RXF set upper --flags broadcast,fast", 2, {"--flags", "\"fast\" is not a flag"}},
      {"ListWithoutMulticastFlag",
       "$RXF set upper --flags broadcast --multicast 01:00:5e:00:00:01",
       2,
       {"multicast flag"}},
      {"RemoveFromNoFilter", "$RXF set second --unicast -02:00:00:00:00:01", 2, {"second", "every address"}},
      {"TooManyAddresses",
       "$RXF set upper --unicast " + many_addresses(1025) + " --multicast none",
       2,
       {"upper", "1025 addresses (1025 unicast + 0 multicast)", "at most 1024"}},
      {"TooManyInSum",
       "$RXF set upper --unicast " + many_addresses(1024) + " --multicast 01:00:5e:00:00:01",
       2,
       {"1025 addresses (1024 unicast + 1 multicast)"}},
      {"NothingToChange", "$RXF set upper", 2, {"nothing to change"}},
  };
}

std::vector<Misuse> file_cases() {
  return {
      {"FileWithUnknownKey", "$RXF set upper --from $FILES/unknown", 2, {"unknown", "unknown key \"speed\""}},
      {"FileWithWrongType", "$RXF set upper --from $FILES/types", 2, {"types", "vlans: a number"}},
      {"FileWithDeepNesting", "$RXF set upper --from $FILES/deep", 2, {"deep", "a list where an object"}},
      {"FileWithDeepNestingInside", "$RXF set upper --from $FILES/deeper", 2, {"unicast", "a list where a string"}},
      {"FileWithoutEnd", "timeout 5 $RXF set upper --from /dev/zero", 2, {"/dev/zero", "larger than 1 MiB"}},
      {"HalfAFile", "$RXF set upper --from $FILES/half", 2, {"half", "ends too early"}},
      {"EmptyFile", "$RXF set upper --from /dev/null", 2, {"/dev/null", "ends too early"}},
      {"FileIsADirectory", "$RXF set upper --from $FILES", 1, {"Is a directory"}},
      {"FileIsMissing", "$RXF set upper --from $FILES/missing", 1, {"missing", "No such file"}},
      {"FileWithBadAddress", "$RXF set upper --from $FILES/address", 2, {"unicast, item 2", "a multicast address"}},
      {"FileBesideOptions", "$RXF set upper --from $FILES/half --vlan 5", 2, {"--from", "--vlan"}},
  };
}

// As nobody with every capability, as root with none, and as root with all but one of those that are needed.
std::vector<Misuse> privilege_cases() {
  const std::string nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all ";
  const std::string powerless = "setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all ";
  const std::string no_net = "setpriv --bounding-set=-net_admin ";
  const std::string no_sys = "setpriv --bounding-set=-sys_admin ";
  const std::vector<std::string> said = {"no privilege", "CAP_NET_ADMIN", "CAP_SYS_ADMIN", "run as root"};
  return {
      {"AttachWithoutCapabilities", powerless + "$RXF attach free", 1, said},
      {"AttachAgainWithoutCapabilities", powerless + "$RXF attach lower --mode generic", 1, said},
      {"SetWithoutCapabilities", powerless + "$RXF set upper --vlan 5", 1, said},
      {"ClearWithoutCapabilities", powerless + "$RXF clear upper", 1, said},
      {"DetachWithoutCapabilities", powerless + "$RXF detach lower", 1, said},
      {"GetWithoutCapabilities", powerless + "$RXF get upper", 1, said},
      {"StatusWithoutCapabilities", powerless + "$RXF status lower", 1, said},
      {"SetWithoutNetAdmin", no_net + "$RXF set upper --vlan 5", 1, said},
      {"SetWithoutSysAdmin", no_sys + "$RXF set upper --vlan 5", 1, said},
      {"AttachAsNobody", nobody + "$LOADER attach free", 1, said},
      {"SetAsNobody", nobody + "$LOADER set upper --vlan 5", 1, said},
  };
}

std::vector<Misuse> bpffs_cases() {
  const std::string apart = "unshare -m --propagation private sh -c 'mount -t bpf bpf $BPFFS && $RXF attach ";
  return {
      {"BpffsReadOnly", "$LOADER --bpffs $READ_ONLY attach free", 1, {"mounted read-only", "remount,rw"}},
      {"BpffsReadOnlyDryRun", "$LOADER --bpffs $READ_ONLY attach free --dry-run", 1, {"mounted read-only"}},
      {"NoBpffs", "$LOADER --bpffs $FILES attach free", 1, {"is no bpffs", "mount -t bpf"}},
      {"NoBpffsForSet", "$LOADER --bpffs $FILES set upper --vlan 5", 3, {"lower is not attached"}},
      {"BpffsIsMissing", "$LOADER --bpffs $FILES/missing attach free", 1, {"--bpffs", "missing"}},
      {"BpffsIsAFile", "$LOADER --bpffs $FILES/half attach free", 1, {"--bpffs", "Not a directory"}},
      {"BpffsOfAMountNamespace", apart + "free'", 1, {"would vanish with it", "rxfilter-loader -n NETNS"}},
      {"BpffsOfAMountNamespaceDryRun", apart + "free --dry-run'", 1, {"rxfilter-loader -n NETNS"}},
  };
}

std::vector<Misuse> usage_cases() {
  return {
      {"NoVerb", "$RXF", 2, {"a verb is missing"}},
      {"UnknownVerb", "$RXF frobnicate lower", 2, {"unknown verb \"frobnicate\""}},
      {"VerbPrefix", "$RXF att free", 2, {"unknown verb \"att\""}},
      {"UnknownOption", "$RXF set upper --speed 5", 2, {"set: unknown option \"--speed\""}},
      {"UnknownGlobalOption", "$RXF --colour status", 2, {"unknown option \"--colour\""}},
      {"OptionWithoutValue", "$RXF set upper --vlan", 2, {"--vlan needs a value"}},
      {"OptionTwice", "$RXF set upper --vlan 5 --vlan 6", 2, {"--vlan is given more than once"}},
      {"UnknownMode", "$RXF attach free --mode fast", 2, {"--mode", "fast"}},
      {"DeviceMissing", "$RXF attach", 2, {"attach", "DEV"}},
      {"TwoDevices", "$RXF attach free lower", 2, {"unexpected argument \"lower\""}},
      {"DetachOneAndAll", "$RXF detach free --all", 2, {"DEV or --all"}},
  };
}

// far ==veth== lower <-- upper, second (macvtap, bridge); lower attached, upper filtered
// away ==veth== free <-- stray (macvtap, bridge); not attached
class MisuseHostTest : public testing::Test {
 protected:
  struct Host {
    Topology topology{Uppers::none};
    ScratchBpffs bpffs;
    ScratchBpffs read_only;
    LoaderCommand loader{bpffs.path()};
    fs::path files;
    std::string state;   // as nothing must change it
    std::string filter;  // of `upper`
    Host();
    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
  };

  // One host for all: nothing changes it.
  static void SetUpTestSuite() {
    if (why_no_netns_tests().empty()) host_ = new Host;
  }
  static void TearDownTestSuite() {
    delete host_;
    host_ = nullptr;
  }

  void SetUp() override {
    if (const std::string& why = why_no_netns_tests(); !why.empty()) GTEST_SKIP() << why;
  }

  static CommandResult shell(const std::string& command) {
    return run("LOADER='" + LoaderCommand::binary() + "' BPFFS='" + host_->bpffs.path() + "' READ_ONLY='" +
               host_->read_only.path() + "' FILES='" + host_->files.string() +
               "'; RXF=\"$LOADER --bpffs $BPFFS\"; export LOADER BPFFS RXF; " + command);
  }

  static Host* host_;
};

class MisuseTest : public MisuseHostTest, public testing::WithParamInterface<Misuse> {};

MisuseHostTest::Host* MisuseHostTest::host_ = nullptr;

MisuseHostTest::Host::Host() {
  must_run(
      "ip link add link lower name upper type macvtap mode bridge && ip link set upper up &&"
      "ip link add link lower name second type macvtap mode bridge && ip link set second up &&"
      "ip link add free type veth peer name away && ip link set away up && ip link set free up &&"
      "ip link add link free name stray type macvtap mode bridge && ip link set stray up");
  loader.must("attach lower");
  loader.must("set upper --unicast 02:bb:00:00:00:01 --multicast 01:00:5e:01:02:03 --vlan 42,100-109");
  must_run("mount -o remount,ro " + read_only.path());

  files = fs::temp_directory_path() / ("rxf-misuse." + std::to_string(getpid()));
  fs::create_directory(files);
  const std::string nested(100'000, '[');
  std::ofstream(files / "unknown") << R"({"flags":[],"speed":"10"})";
  std::ofstream(files / "types") << R"({"flags":[],"vlans":42})";
  std::ofstream(files / "deep") << nested;
  std::ofstream(files / "deeper") << R"({"flags":[],"unicast":)" << nested;
  std::ofstream(files / "half") << R"({"flags":["broadcast"],"unicast":["02:bb:00)";
  std::ofstream(files / "address") << R"({"flags":[],"unicast":["02:bb:00:00:00:02","01:00:5e:00:00:01"]})";

  state = host_state(bpffs.path());
  filter = loader.must("get upper -j");
}

MisuseHostTest::Host::~Host() { fs::remove_all(files); }

TEST_P(MisuseTest, IsRefusedAndChangesNothing) {
  const CommandResult result = shell(GetParam().command);

  EXPECT_EQ(result.status, GetParam().status);
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(result.err.starts_with("rxfilter-loader: ")) << result.err;
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
  EXPECT_TRUE(result.err.ends_with('\n')) << result.err;
  EXPECT_TRUE(std::ranges::none_of(result.err, [](char c) { return c == '\033'; })) << result.err;
  for (const std::string& part : GetParam().said) EXPECT_NE(result.err.find(part), std::string::npos) << result.err;

  EXPECT_EQ(host_state(host_->bpffs.path()), host_->state);
  EXPECT_EQ(host_->loader.must("get upper -j"), host_->filter);
}

std::string name_of(const testing::TestParamInfo<Misuse>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Device, MisuseTest, testing::ValuesIn(device_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Filter, MisuseTest, testing::ValuesIn(filter_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(File, MisuseTest, testing::ValuesIn(file_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Privilege, MisuseTest, testing::ValuesIn(privilege_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Bpffs, MisuseTest, testing::ValuesIn(bpffs_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Usage, MisuseTest, testing::ValuesIn(usage_cases()), name_of);

// Fine, though there is nothing to filter yet.
TEST_F(MisuseHostTest, ALowerDeviceWithoutUppersIsSaidToHaveNone) {
  must_run("ip link add bare type veth peer name other");
  const std::string before = host_state(host_->bpffs.path());
  const CommandResult attached = host_->loader.run("attach bare");
  EXPECT_EQ(attached.status, 0) << attached.err;
  EXPECT_NE(attached.out.find("no macvlan or macvtap on it"), std::string::npos) << attached.out;
  EXPECT_EQ(attached.err, "");
  host_->loader.must("detach bare");
  EXPECT_EQ(host_state(host_->bpffs.path()), before);
  must_run("ip link del bare");
}

TEST_F(MisuseHostTest, DetachingWhatIsNotAttachedIsSaidAndDone) {
  const std::string before = host_state(host_->bpffs.path());
  const CommandResult detached = host_->loader.run("detach free");
  EXPECT_EQ(detached.status, 0);
  EXPECT_EQ(detached.out, "free: not attached\n");
  EXPECT_EQ(detached.err, "");
  EXPECT_EQ(host_state(host_->bpffs.path()), before);
}

}  // namespace
}  // namespace rxf::test
