// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/filter_json.h"

#include <algorithm>
#include <set>

#include "loader/cli/filter_args.h"
#include "loader/cli/text.h"
#include "loader/cli/text_file.h"

namespace rxf::cli {

namespace {

using nlohmann::json;

constexpr std::size_t kErrorLength = 160;

// A short cause in place of the parser's own text, which quotes what it last read: a string there may be a megabyte.
std::string cause_of(const json::exception& exception) {
  const std::string_view what = exception.what();
  const auto says = [what](std::string_view words) { return what.find(words) != std::string_view::npos; };
  if (says("ill-formed UTF-8")) return "not UTF-8";
  if (says("unexpected end of input") || says("missing closing quote")) return "the file ends too early";
  if (says("expected end of input")) return "something follows the object";
  return "not JSON";
}

// "line 3, column 7" of the `position`th byte, counted from 1 as the parser does.
std::string place_of(std::string_view text, std::size_t position) {
  const std::string_view before = text.substr(0, position == 0 ? 0 : position - 1);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == std::string_view::npos ? before.size() + 1 : before.size() - newline;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

// Takes the parser's events and stops it at the first one that the format has no place for.
class FilterReader final : public nlohmann::json_sax<json> {
 public:
  explicit FilterReader(std::string_view text) : text_(text) {}

  bool null() override { return unexpected("null"); }
  bool boolean(bool /*value*/) override { return unexpected("a boolean"); }
  bool number_integer(number_integer_t /*value*/) override { return unexpected("a number"); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return unexpected("a number"); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return unexpected("a number"); }
  bool binary(binary_t& /*value*/) override { return unexpected("binary data"); }

  bool string(string_t& value) override {
    if (where_ == Where::list) return item(value);
    if (where_ == Where::object && key_ == "vlans") return vlans(value);
    return unexpected("a string");
  }

  bool start_object(std::size_t /*elements*/) override {
    if (where_ != Where::outside) return unexpected("an object");
    where_ = Where::object;
    return true;
  }

  bool key(string_t& name) override {
    static const std::set<std::string> kKeys = {"flags", "unicast", "multicast", "vlans"};
    if (!kKeys.contains(name)) return stop(usage_error("unknown key " + quote(name)));
    if (!seen_.insert(name).second) return stop(usage_error("key " + quote(name) + " is there twice"));
    key_ = name;
    return true;
  }

  bool end_object() override {
    where_ = Where::outside;
    return true;
  }

  bool start_array(std::size_t /*elements*/) override {
    if (where_ != Where::object || key_ == "vlans") return unexpected("a list");
    where_ = Where::list;
    index_ = 0;
    return true;
  }

  bool end_array() override {
    where_ = Where::object;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/, const json::exception& exception) override {
    return stop(usage_error(place_of(text_, position) + ": " + cause_of(exception)));
  }

  // After the parser: its first error, or the set.
  [[nodiscard]] Result<FilterSet> take() const {
    if (!result_) return std::unexpected(result_.error());
    FilterSet filter;
    if (seen_.contains("flags") || seen_.contains("unicast") || seen_.contains("multicast")) {
      if (!seen_.contains("flags")) return usage_error("key \"flags\" is missing: addresses go with flags");
      filter.addresses = addresses_;
    }
    filter.vlans = vlans_;
    if (const Result<void> valid = validate(filter); !valid) return std::unexpected(valid.error());
    return filter;
  }

 private:
  enum class Where { outside, object, list };

  bool stop(std::unexpected<Error> error) {
    result_ = std::move(error);
    return false;
  }

  bool unexpected(const std::string& what) {
    if (where_ == Where::outside) return stop(usage_error(what + " where an object {…} belongs"));
    if (where_ == Where::list) return stop(usage_error(item_name() + ": " + what + " where a string belongs"));
    return stop(usage_error(key_ + ": " + what + " where " + (key_ == "vlans" ? "a string" : "a list") + " belongs"));
  }

  [[nodiscard]] std::string item_name() const { return key_ + ", item " + std::to_string(index_ + 1); }

  bool item(const std::string& value) {
    const Result<void> added = add_item(value);
    if (!added) return stop(wrap(added.error(), item_name()));
    ++index_;
    return true;
  }

  Result<void> add_item(const std::string& value) {
    if (key_ == "flags") return add_flag_item(value, addresses_.flags);
    const bool unicast = key_ == "unicast";
    const Result<MacAddress> address = unicast ? parse_unicast_item(value) : parse_multicast_item(value);
    if (!address) return std::unexpected(address.error());
    (unicast ? addresses_.unicast : addresses_.multicast).insert(*address);
    return {};
  }

  bool vlans(const std::string& value) {
    const Result<VlanSet> parsed = VlanSet::parse(value);
    // It may quote the whole text, which may be the whole file.
    if (!parsed) return stop(usage_error(key_ + ": " + shortened(parsed.error().text, kErrorLength)));
    vlans_ = *parsed;
    return true;
  }

  std::string_view text_;  // the caller's, for the parser's run
  Where where_ = Where::outside;
  std::string key_;
  std::size_t index_ = 0;
  std::set<std::string> seen_;
  AddressFilter addresses_;
  std::optional<VlanSet> vlans_;
  Result<void> result_;
};

Json to_json(const AddressSet& addresses) {
  Json list = Json::array();
  for (const MacAddress& address : addresses) list.push_back(to_string(address));
  return list;
}

}  // namespace

Json to_json(const FilterSet& filter) {
  Json object = Json::object();
  if (filter.addresses) {
    object["flags"] = names(filter.addresses->flags);
    object["unicast"] = to_json(filter.addresses->unicast);
    object["multicast"] = to_json(filter.addresses->multicast);
  }
  if (filter.vlans) object["vlans"] = to_string(*filter.vlans);
  return object;
}

Result<FilterSet> parse_filter_json(std::string_view text, const std::string& source) {
  FilterReader reader(text);
  json::sax_parse(text.begin(), text.end(), &reader);
  Result<FilterSet> filter = reader.take();
  if (!filter) return wrap(filter.error(), source);
  return filter;
}

Result<FilterSet> read_filter_file(const std::string& path) {
  const Result<std::string> text = read_text_file(path, "a filter file");
  if (!text) return std::unexpected(text.error());
  return parse_filter_json(*text, file_name(path));
}

}  // namespace rxf::cli
