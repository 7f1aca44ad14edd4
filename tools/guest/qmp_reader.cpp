// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/qmp_reader.h"

#include <algorithm>

namespace rxf::guest {
namespace {

using nlohmann::json;

bool is_empty(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

std::string lines_limit() { return "a line of more than " + std::to_string(QmpReader::kMaxMessage) + " bytes"; }

// What is too deep is thrown away as it is read, so depth costs nothing.
Result<json> parse(std::string_view line) {
  bool too_deep = false;
  const auto keep = [&too_deep](int outside, json::parse_event_t event, json& /*value*/) {
    const bool begins = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    too_deep = too_deep || (begins && outside >= QmpReader::kMaxDepth);
    return !too_deep;
  };
  json message = json::parse(line.begin(), line.end(), keep, false);
  if (too_deep) return usage_error("nested deeper than " + std::to_string(QmpReader::kMaxDepth));
  if (message.is_discarded()) return usage_error("not JSON");
  if (!message.is_object()) return usage_error("not a JSON object");
  return message;
}

}  // namespace

Result<void> QmpReader::feed(std::string_view bytes) {
  pending_.erase(0, taken_);
  searched_ -= taken_;
  taken_ = 0;
  pending_ += bytes;
  const std::size_t end = bytes.rfind('\n');
  unfinished_ = end == std::string_view::npos ? unfinished_ + bytes.size() : bytes.size() - end - 1;
  if (unfinished_ > kMaxMessage) return usage_error(lines_limit());
  return {};
}

std::optional<std::string_view> QmpReader::next_line() {
  const std::size_t end = pending_.find('\n', std::max(taken_, searched_));
  searched_ = end == std::string::npos ? pending_.size() : end + 1;
  if (end == std::string::npos) return std::nullopt;
  const std::string_view line = std::string_view(pending_).substr(taken_, end - taken_);
  taken_ = end + 1;
  return line;
}

std::optional<Result<json>> QmpReader::next() {
  while (const auto line = next_line()) {
    if (line->size() > kMaxMessage) return usage_error(lines_limit());
    if (!is_empty(*line)) return parse(*line);
  }
  return std::nullopt;
}

}  // namespace rxf::guest
