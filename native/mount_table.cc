#include "mount_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <list>
#include <memory>

#include "unique_fd.h"

namespace netloom {

namespace {

// As /proc/PID/mountinfo writes paths: proc_pid_mountinfo(5).
std::string Escaped(const std::string& path) {
  std::string text;
  for (const char c : path) {
    if (c == ' ') {
      text += "\\040";
    } else if (c == '\t') {
      text += "\\011";
    } else if (c == '\n') {
      text += "\\012";
    } else if (c == '\\') {
      text += "\\134";
    } else {
      text += c;
    }
  }
  return text;
}

bool ReadFile(const std::string& path, std::string* content) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  content->clear();
  char piece[16384];
  for (;;) {
    const ssize_t size = ::read(file.get(), piece, sizeof piece);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size == 0;
    content->append(piece, static_cast<size_t>(size));
  }
}

// A line is "36 35 98:0 /root /mount/point options ... - type source options".
bool HasNamespaceAt(const std::string& mounts, const std::string& point) {
  const std::string wanted = ' ' + point + ' ';
  for (size_t start = 0; start < mounts.size();) {
    size_t end = mounts.find('\n', start);
    if (end == std::string::npos) end = mounts.size();
    const std::string line = mounts.substr(start, end - start);
    if (line.find(wanted) != std::string::npos && line.find(" - nsfs ") != std::string::npos) return true;
    start = end + 1;
  }
  return false;
}

std::string MountNamespaceOf(const std::string& process) {
  char target[64];
  const ssize_t size = ::readlink((process + "/ns/mnt").c_str(), target, sizeof target);
  return size < 0 ? std::string() : std::string(target, static_cast<size_t>(size));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

bool IsNamespaceMountedAnywhere(const std::string& path) {
  const std::unique_ptr<DIR, CloseDirectory> processes(::opendir("/proc"));
  if (!processes) return false;
  const std::string point = Escaped(path);
  std::list<std::string> seen;  // many processes, few mount namespaces
  std::string mounts;
  while (const dirent* entry = ::readdir(processes.get())) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    const std::string process = std::string("/proc/") + entry->d_name;
    const std::string mount_namespace = MountNamespaceOf(process);
    if (mount_namespace.empty()) continue;
    bool known = false;
    for (const std::string& one : seen) known = known || one == mount_namespace;
    if (known) continue;
    seen.push_back(mount_namespace);
    if (ReadFile(process + "/mountinfo", &mounts) && HasNamespaceAt(mounts, point)) return true;
  }
  return false;
}

}  // namespace netloom
