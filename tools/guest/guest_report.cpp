// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/guest_report.h"

#include <algorithm>
#include <array>

namespace rxf::guest {

namespace {

using cli::Json;

constexpr std::array kKinds = {RefusalKind::main_mac, RefusalKind::unicast, RefusalKind::multicast,
                               RefusalKind::vlan,     RefusalKind::promisc, RefusalKind::allmulti};

struct NamedCounter {
  const char* name;
  std::uint64_t GuestCounters::*member;
};

constexpr std::array<NamedCounter, 8> kCounters = {{
    {"events", &GuestCounters::events},
    {"queries", &GuestCounters::queries},
    {"resets", &GuestCounters::resets},
    {"changes", &GuestCounters::changes},
    {"delayed", &GuestCounters::delayed},
    {"connections", &GuestCounters::connections},
    {"garbage", &GuestCounters::garbage},
    {"failures", &GuestCounters::failures},
}};

Json to_json(const GuestCounters& counters) {
  Json object = Json::object();
  for (const auto& [name, member] : kCounters) object[name] = counters.*member;
  Json& refused = object["refused"] = Json::object();
  for (const RefusalKind kind : kKinds) {
    const auto found = counters.refused.find(kind);
    refused[to_string(kind)] = found == counters.refused.end() ? 0 : found->second;
  }
  return object;
}

Json to_json(const std::vector<Refusal>& refusals) {
  Json list = Json::array();
  for (const Refusal& one : refusals) {
    if (list.size() == GuestReport::kMaxRefusals) break;
    list.push_back({{"kind", to_string(one.kind)}, {"what", one.what}, {"why", one.why}});
  }
  return list;
}

// Takes members out of an object, and remembers the first that is not there or of another type.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {
    if (!object.is_object()) wrong_ = "not an object";
  }

  Json member(const char* name, bool (Json::*is)() const noexcept) {
    const auto found = object_.is_object() ? object_.find(name) : object_.end();
    if (found != object_.end() && ((*found).*is)()) return *found;
    if (wrong_.empty()) wrong_ = std::string("\"") + name + "\" is missing, or of a wrong type";
    return nullptr;
  }

  std::string text(const char* name) {
    const Json value = member(name, &Json::is_string);
    return value.is_string() ? value.get<std::string>() : "";
  }

  std::uint64_t number(const char* name) {
    const Json value = member(name, &Json::is_number_unsigned);
    return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
  }

  bool truth(const char* name) {
    const Json value = member(name, &Json::is_boolean);
    return value.is_boolean() && value.get<bool>();
  }

  void wrong(const std::string& why) {
    if (wrong_.empty()) wrong_ = why;
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  const Json& object_;
  std::string wrong_;
};

GuestCounters read_counters(const Json& object, Reader& outer) {
  Reader reader(object);
  GuestCounters counters;
  for (const auto& [name, member] : kCounters) counters.*member = reader.number(name);
  const Json refused = reader.member("refused", &Json::is_object);
  Reader kinds(refused);
  for (const RefusalKind kind : kKinds)
    if (const std::uint64_t count = kinds.number(to_string(kind)); count != 0) counters.refused[kind] = count;
  outer.wrong(reader.wrong());
  outer.wrong(kinds.wrong());
  return counters;
}

std::vector<Refusal> read_refusals(const Json& list, Reader& outer) {
  std::vector<Refusal> refusals;
  for (const Json& entry : list) {
    Reader reader(entry);
    const std::string name = reader.text("kind");
    const auto kind = std::ranges::find_if(kKinds, [&](RefusalKind one) { return name == to_string(one); });
    if (kind == kKinds.end()) reader.wrong("\"kind\" is none");
    outer.wrong(reader.wrong());
    if (!reader.wrong().empty()) break;
    refusals.push_back({*kind, reader.text("what"), reader.text("why")});
  }
  return refusals;
}

FilterSet read_filter(const Json& object, Reader& outer) {
  const Result<FilterSet> filter =
      cli::parse_filter_json(object.dump(-1, ' ', false, Json::error_handler_t::replace), "granted");
  if (filter) return *filter;
  outer.wrong(filter.error().text);
  return {};
}

}  // namespace

Json to_json(const GuestReport& report) {
  const std::size_t written = std::min(report.refusals.size(), GuestReport::kMaxRefusals);
  return {{"upper", report.upper},
          {"qmp", report.qmp},
          {"nic", report.nic},
          {"state", report.state},
          {"why", report.why},
          {"shadow", report.shadow},
          {"granted", cli::to_json(report.granted)},
          {"refusals", to_json(report.refusals)},
          {"more_refusals", report.more_refusals + (report.refusals.size() - written)},
          {"counters", to_json(report.counters)}};
}

Result<GuestReport> parse_report(std::string_view text, const std::string& source) {
  const Json object = Json::parse(text, nullptr, false);
  if (object.is_discarded()) return usage_error(source + ": not JSON");
  Reader reader(object);
  GuestReport report{.upper = reader.text("upper"),
                     .qmp = reader.text("qmp"),
                     .nic = reader.text("nic"),
                     .state = reader.text("state"),
                     .why = reader.text("why"),
                     .shadow = reader.truth("shadow")};
  report.granted = read_filter(reader.member("granted", &Json::is_object), reader);
  report.refusals = read_refusals(reader.member("refusals", &Json::is_array), reader);
  report.more_refusals = reader.number("more_refusals");
  report.counters = read_counters(reader.member("counters", &Json::is_object), reader);
  if (!reader.wrong().empty()) return usage_error(source + ": " + reader.wrong());
  return report;
}

}  // namespace rxf::guest
