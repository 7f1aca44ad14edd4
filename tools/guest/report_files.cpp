// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "loader/util/fd.h"
#include "tools/guest/follow_lock.h"
#include "tools/guest/guest_report.h"

namespace rxf::guest {

namespace {

constexpr mode_t kReadableForAll = 0644;
constexpr std::string_view kSuffix = ".json";
constexpr std::size_t kLargest = std::size_t{1} << 20;  // bytes; ours have some 60,000 at most

std::string report_path(const std::string& directory, const std::string& upper) {
  return directory + "/" + upper + std::string(kSuffix);
}

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error(errno, path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> write_new(const std::string& path, std::string_view text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kReadableForAll));
  if (!fd) return system_error(errno, path);
  if (::fchmod(fd.get(), kReadableForAll) != 0) return system_error(errno, path);
  return write_all(fd.get(), text, path);
}

// The directory is an unprivileged process's, and who reads may be root: no FIFO holds it up, no link leads it away.
Result<std::string> read_small_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return system_error(errno, path);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return system_error(errno, path);
  if (!S_ISREG(status.st_mode)) return std::unexpected(Error{.text = path + ": not a regular file"});
  std::string text;
  std::array<char, 16384> some;
  for (;;) {
    const ssize_t count = ::read(fd.get(), some.data(), some.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(errno, path);
    if (count == 0) return text;
    text.append(some.data(), static_cast<std::size_t>(count));
    if (text.size() > kLargest) return std::unexpected(Error{.text = path + ": larger than 1 MiB, which no report is"});
  }
}

Result<std::vector<std::string>> report_paths(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    if (entry->path().native().ends_with(kSuffix)) paths.push_back(entry->path().native());
  if (error && error.value() != ENOENT) return system_error(error.value(), directory);
  std::ranges::sort(paths);
  return paths;
}

Result<FoundReport> read_report_file(const std::string& directory, const std::string& path) {
  const Result<std::string> text = read_small_file(path);
  if (!text) return std::unexpected(text.error());
  Result<GuestReport> report = parse_report(*text, path);
  // Nothing that the command line was given.
  if (!report) return std::unexpected(Error{.text = report.error().text});
  if (path != report_path(directory, report->upper))
    return std::unexpected(Error{.text = path + ": the report of another upper, " + report->upper});
  const std::optional<bool> followed = is_followed(directory, report->upper);
  return FoundReport{.report = std::move(*report), .followed = followed};
}

}  // namespace

Result<void> write_report(const std::string& directory, const GuestReport& report) {
  const std::string path = report_path(directory, report.upper);
  const std::string fresh = path + ".new";
  const std::string text = to_json(report).dump(-1, ' ', false, cli::Json::error_handler_t::replace) + "\n";
  if (const Result<void> written = write_new(fresh, text); !written) return written;
  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_error(errno, path);
  return {};
}

void remove_report(const std::string& directory, const std::string& upper) {
  ::unlink(report_path(directory, upper).c_str());
}

Result<FoundReport> read_report(const std::string& directory, const std::string& upper) {
  Result<FoundReport> found = read_report_file(directory, report_path(directory, upper));
  if (!found && found.error().code == ENOENT)
    return std::unexpected(
        Error{.text = upper + ": no rxfilter-guest run has followed it (no report in " + directory + ")",
              .exit = Exit::not_attached});
  return found;
}

Result<FoundReports> read_reports(const std::string& directory) {
  const Result<std::vector<std::string>> paths = report_paths(directory);
  if (!paths) return std::unexpected(paths.error());
  FoundReports found;
  for (const std::string& path : *paths) {
    Result<FoundReport> report = read_report_file(directory, path);
    // Taken away since it was listed.
    if (!report && report.error().code == ENOENT) continue;
    if (report)
      found.reports.push_back(std::move(*report));
    else
      found.unreadable.push_back(report.error());
  }
  return found;
}

}  // namespace rxf::guest
