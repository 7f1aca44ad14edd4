// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/prometheus.h"

#include <cstdint>
#include <utility>

#include "loader/cli/filter_json.h"
#include "loader/model/verdict.h"

namespace rxf::cli {

namespace {

using mirror::Count;
using mirror::Counters;
using mirror::LowerdevStatus;
using mirror::UpperStatus;
using Labels = std::vector<std::pair<const char*, std::string>>;

enum class Type { counter, gauge };

std::string valid_utf8(const std::string& text) {
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

std::string escaped(const std::string& value) {
  std::string text;
  for (const char c : valid_utf8(value)) {
    if (c == '\n')
      text += "\\n";
    else if (c == '\\' || c == '"')
      text += std::string{'\\', c};
    else
      text += c;
  }
  return text;
}

// The lines of one name: what it is, its type, its samples.
class Metric {
 public:
  Metric(std::string name, Type type, std::string help) : name_(std::move(name)), type_(type), help_(std::move(help)) {}

  void add(const Labels& labels, std::uint64_t value) {
    std::string list;
    for (const auto& [label, text] : labels)
      list += (list.empty() ? "" : ",") + std::string(label) + "=\"" + escaped(text) + "\"";
    samples_ += name_ + "{" + list + "} " + std::to_string(value) + "\n";
  }

  [[nodiscard]] std::string text() const {
    if (samples_.empty()) return "";
    return "# HELP " + name_ + " " + help_ + "\n# TYPE " + name_ +
           (type_ == Type::counter ? " counter\n" : " gauge\n") + samples_;
  }

 private:
  std::string name_;
  Type type_;
  std::string help_;
  std::string samples_;
};

// Packets and bytes of the same thing.
class CountMetrics {
 public:
  CountMetrics(const std::string& what, const std::string& help)
      : packets_("rxfilter_" + what + "_packets_total", Type::counter, "Frames " + help + "."),
        bytes_("rxfilter_" + what + "_bytes_total", Type::counter, "Bytes of frames " + help + ".") {}

  void add(const Labels& labels, const Count& count) {
    packets_.add(labels, count.packets);
    bytes_.add(labels, count.bytes);
  }

  [[nodiscard]] std::string text() const { return packets_.text() + bytes_.text(); }

 private:
  Metric packets_;
  Metric bytes_;
};

void add_dropped(CountMetrics& metrics, const Labels& where, const Counters& counters) {
  for (const auto& [reason, count] : counters.dropped) {
    Labels labels = where;
    labels.emplace_back("reason", to_string(reason));
    metrics.add(labels, count);
  }
}

std::string dropped(const std::vector<LowerdevStatus>& devices) {
  CountMetrics metrics("dropped", "that a hook did not let through, or in shadow would not have");
  for (const LowerdevStatus& device : devices) {
    add_dropped(metrics, {{"device", device.device}, {"hook", "early"}, {"upper", ""}}, device.early_counters);
    for (const UpperStatus& upper : device.uppers)
      if (upper.counters)
        add_dropped(metrics, {{"device", device.device}, {"hook", "guard"}, {"upper", upper.name}}, *upper.counters);
  }
  return metrics.text();
}

std::string admitted(const std::vector<LowerdevStatus>& devices) {
  CountMetrics metrics("admitted", "that the guard of an upper has admitted");
  for (const LowerdevStatus& device : devices)
    for (const UpperStatus& upper : device.uppers)
      if (upper.counters) metrics.add({{"device", device.device}, {"upper", upper.name}}, upper.counters->admitted);
  return metrics.text();
}

std::string of_devices(const std::vector<LowerdevStatus>& devices) {
  Metric early("rxfilter_early_drop_info", Type::gauge, "Where frames that nobody wants are dropped.");
  Metric shadow("rxfilter_shadow", Type::gauge, "1: verdicts are counted, and nothing is dropped.");
  Metric unconfirmed("rxfilter_unconfirmed", Type::gauge, "1: an attach is still to be confirmed.");
  Metric problems("rxfilter_problems", Type::gauge, "What rxfilter-loader status complains of.");
  for (const LowerdevStatus& device : devices) {
    const Labels labels = {{"device", device.device}};
    early.add({{"device", device.device},
               {"hook", std::string(mirror::to_string(device.early))},
               {"dispatcher", device.dispatcher ? "true" : "false"}},
              1);
    shadow.add(labels, device.shadow ? 1 : 0);
    unconfirmed.add(labels, device.confirm ? 1 : 0);
    problems.add(labels, device.problems.size());
  }
  return early.text() + shadow.text() + unconfirmed.text() + problems.text();
}

std::string of_uppers(const std::vector<LowerdevStatus>& devices) {
  Metric filtered("rxfilter_upper_filtered", Type::gauge, "1: the upper has a filter set.");
  Metric guard("rxfilter_upper_guard", Type::gauge, "1: the upper has a guard, which enforces its filter set.");
  for (const LowerdevStatus& device : devices)
    for (const UpperStatus& upper : device.uppers) {
      const Labels labels = {{"device", device.device}, {"upper", upper.name}};
      filtered.add(labels, upper.filter.unfiltered() ? 0 : 1);
      guard.add(labels, upper.guard ? 1 : 0);
    }
  return filtered.text() + guard.text();
}

}  // namespace

std::string prometheus_text(const std::vector<LowerdevStatus>& devices) {
  return of_devices(devices) + of_uppers(devices) + dropped(devices) + admitted(devices);
}

}  // namespace rxf::cli
