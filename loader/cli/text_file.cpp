// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/text_file.h"

#include <cerrno>
#include <cstdio>
#include <memory>

namespace rxf::cli {

namespace {

constexpr std::size_t kFileLimit = std::size_t{1} << 20;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// One byte above the limit is enough to know, so an endless file ends here as well.
Result<std::string> read_limited(std::FILE* file, const std::string& source, const std::string& what) {
  std::string text(kFileLimit + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  if (std::ferror(file) != 0) return system_error(errno, source);
  if (text.size() > kFileLimit) return usage_error(source + ": larger than 1 MiB, the limit for " + what);
  return text;
}

}  // namespace

std::string file_name(const std::string& path) { return path == "-" ? "standard input" : path; }

Result<std::string> read_text_file(const std::string& path, const std::string& what) {
  if (path == "-") return read_limited(stdin, file_name(path), what);
  const std::unique_ptr<std::FILE, CloseFile> opened(std::fopen(path.c_str(), "re"));
  if (!opened) return system_error(errno, file_name(path));
  return read_limited(opened.get(), path, what);
}

}  // namespace rxf::cli
