// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>

#include "loader/cli/text.h"
#include "tools/guest/guest_options.h"

namespace rxf::guest {

namespace {

// CLI11 takes the first of two lines with the same key, and says nothing.
Result<void> check_keys(const CLI::App& file, const std::string& path) {
  std::set<std::string> keys;
  for (const CLI::ConfigItem& item : file.get_config_formatter_base()->from_file(path)) {
    if (!item.parents.empty())
      return usage_error("section " + cli::quote(item.parents.front()) + ": there are none here");
    if (file.get_option_no_throw("--" + item.name) == nullptr)
      return usage_error("unknown key " + cli::quote(item.name));
    if (!keys.insert(item.name).second) return usage_error("key " + cli::quote(item.name) + " is there twice");
  }
  return {};
}

Result<GuestOptions> read_options(const std::string& path) {
  CLI::App file{"guest"};
  file.set_help_flag();
  GuestOptions options;
  setup_guest_options(file, options);
  try {
    if (const Result<void> checked = check_keys(file, path); !checked) return std::unexpected(checked.error());
    file.set_config("--config", path, "", true);
    file.parse(std::vector<std::string>{});
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  return options;
}

// CLI11 does not tell a file that is missing from one that may not be read.
Result<void> check_readable(const std::string& path) {
  std::error_code error;
  if (const auto status = std::filesystem::status(path, error); !std::filesystem::exists(status))
    return usage_error(path + ": " + std::generic_category().message(error ? error.value() : ENOENT));
  return {};
}

Result<std::vector<std::string>> files_in(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    if (entry->path().extension() == ".conf") files.push_back(entry->path());
  if (error) return system_error(error.value(), directory);
  std::ranges::sort(files);
  return files;
}

Result<std::vector<std::string>> all_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    const auto inside = files_in(path);
    if (!inside) return inside;
    files.insert(files.end(), inside->begin(), inside->end());
  }
  return files;
}

// The guests so far, and where each upper and each socket was named.
class Collection {
 public:
  Result<void> add(const std::string& source, Result<GuestSettings> settings) {
    if (!settings) return std::unexpected(settings.error());
    if (const auto [found, fresh] = uppers_.emplace(settings->upper, source); !fresh)
      return twice(source, "upper " + settings->upper, found->second, "one guest has one upper");
    if (settings->qmp)
      if (const auto [found, fresh] = sockets_.emplace(*settings->qmp, source); !fresh)
        return twice(source, "qmp " + *settings->qmp, found->second,
                     "QEMU talks to one client of a socket: give each NIC a socket of its own");
    guests_.push_back(std::move(*settings));
    return {};
  }
  std::vector<GuestSettings> take() { return std::move(guests_); }

 private:
  static Result<void> twice(const std::string& source, const std::string& what, const std::string& other,
                            const std::string& why) {
    return usage_error(source + ": " + what + " is that of " + other + " too: " + why);
  }

  std::map<std::string, std::string> uppers_;
  std::map<std::string, std::string> sockets_;
  std::vector<GuestSettings> guests_;
};

}  // namespace

Result<GuestSettings> read_guest_file(const std::string& path) {
  if (const Result<void> readable = check_readable(path); !readable) return std::unexpected(readable.error());
  const Result<GuestOptions> options = read_options(path);
  if (!options) return wrap(options.error(), path);
  Result<GuestSettings> settings = settings_of(*options);
  if (!settings) return wrap(settings.error(), path);
  return settings;
}

Result<std::vector<GuestSettings>> collect_guests(const std::vector<std::string>& paths, const GuestOptions& flags) {
  const Result<std::vector<std::string>> files = all_files(paths);
  if (!files) return std::unexpected(files.error());
  Collection guests;
  for (const std::string& file : *files)
    if (const Result<void> added = guests.add(file, read_guest_file(file)); !added)
      return std::unexpected(added.error());
  if (flags != GuestOptions{})
    if (const Result<void> added = guests.add("the command line", settings_of(flags)); !added)
      return std::unexpected(added.error());
  return guests.take();
}

}  // namespace rxf::guest
