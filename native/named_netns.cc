#include "named_netns.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include <string>
#include <utility>

#include "arguments.h"
#include "handle.h"
#include "job.h"
#include "mount_table.h"
#include "netns.h"
#include "nsfs.h"

namespace netloom {

namespace {

// mount(2) knows no *at(): this is how it is given a descriptor instead of a path that may have changed meanwhile.
std::string PathOfFd(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

// The second line of defence: the name was checked before it came here.
bool IsPlainName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

Status MakeDirectories(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string parent = path.substr(0, end);
    if (::mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) return SystemError::Last("mkdir", parent);
    if (end == std::string::npos) return Done{};
  }
}

Result<UniqueFd> OpenDirectory(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return SystemError::Last("open", path);
  return directory;
}

// The lock ends with the descriptor. It is on the inode, so it is the same one below and above a bind mount.
Result<UniqueFd> LockDirectory(const std::string& path, int operation) {
  auto directory = OpenDirectory(path);
  if (!directory) return directory;
  while (::flock(directory->get(), operation) != 0) {
    if (errno != EINTR) return SystemError::Last("flock", path);
  }
  return directory;
}

// Namespaces bound here must appear in the other mount namespaces too, and disappear there when the name is deleted
// (else the namespace would live on unseen). That takes a shared mount point.
Status ShareDirectory(const std::string& path) {
  for (bool bound = false;; bound = true) {
    if (::mount("", path.c_str(), "none", MS_SHARED | MS_REC, nullptr) == 0) return Done{};
    // EINVAL: a plain directory, not a mount point yet.
    if (errno != EINVAL || bound) return SystemError::Last("mount", path);
    if (::mount(path.c_str(), path.c_str(), "none", MS_BIND | MS_REC, nullptr) != 0) {
      return SystemError::Last("mount", path);
    }
  }
}

// What stands at a name, itself: a link is not followed.
enum class Entry { kNothing, kNamespace, kPlainFile, kOther };

struct Looked {
  Entry entry;
  uint64_t id;  // of the namespace
};

// Without opening it, which a process that is out of descriptors could not: then names could not be taken away either.
Looked Look(int directory, const std::string& name) {
  struct statx status;
  if (::statx(directory, name.c_str(), AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_INO, &status) != 0) {
    return {errno == ENOENT ? Entry::kNothing : Entry::kOther, 0};
  }
  if (!S_ISREG(status.stx_mode)) return {Entry::kOther, 0};
  if (!IsNamespaceFile((PathOfFd(directory) + '/' + name).c_str())) return {Entry::kPlainFile, 0};
  return {Entry::kNamespace, status.stx_ino};
}

// True for a plain file that was left over: by a program that died, or by a reboot with the directory on disk. Not for
// one whose namespace is mounted in another mount namespace only, and not for one that is just being made: `ip netns
// add` makes its file some time before it mounts, without a lock.
bool IsLeftOver(int directory, const std::string& name, const std::string& path) {
  constexpr int kLooks = 10;
  constexpr timespec kPause{0, 5'000'000};
  for (int look = 0; look < kLooks; ++look) {
    if (Look(directory, name).entry != Entry::kPlainFile) return false;
    ::nanosleep(&kPause, nullptr);
  }
  return !IsNamespaceMountedAnywhere(path);
}

Result<UniqueFd> CreateFile(int directory, const std::string& name, const std::string& path) {
  for (bool again = false;; again = true) {
    UniqueFd file(::openat(directory, name.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
    if (file) return file;
    const SystemError error = SystemError::Last("open", path);
    if (error.error != EEXIST || again || !IsLeftOver(directory, name, path)) return error;
    if (::unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) return SystemError::Last("unlink", path);
  }
}

class NamedNetns {
 protected:
  bool ParseName(Arguments& arguments) {
    return arguments.Path(0, "directory", &directory_).Path(1, "name", &name_).ok();
  }
  [[nodiscard]] std::string Path() const { return directory_ + '/' + name_; }

  std::string directory_;
  std::string name_;
};

// Makes the namespace and names it in one visit to a thread: of a container's start, visits are a good part.
class CreateNamedNetns : private NamedNetns {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    return ParseName(arguments);
  }

  Result<UniqueFd> Run(HomeNetns& home) {
    if (!IsPlainName(name_)) return SystemError{"open", EINVAL, Path()};
    // Before the lock is taken: this is what takes long, and goes on in several threads at a time.
    auto netns = MakeNetns(home);
    if (!netns) return netns;
    const Status bound = Bind(netns->get());
    if (!bound) return bound.error();
    return netns;
  }

  static Napi::Value ToJs(Napi::Env env, UniqueFd fd) { return Handle::New(env, std::move(fd)); }

 private:
  [[nodiscard]] Status Bind(int netns) const {
    const Status made = MakeDirectories(directory_);
    if (!made) return made.error();
    const auto lock = LockDirectory(directory_, LOCK_EX);
    if (!lock) return lock.error();
    const Status shared = ShareDirectory(directory_);
    if (!shared) return shared.error();
    // The lock's descriptor may lead below the mount that ShareDirectory made.
    auto directory = OpenDirectory(directory_);
    if (!directory) return directory.error();

    auto file = CreateFile(directory->get(), name_, Path());
    if (!file) return file.error();
    const std::string target = PathOfFd(file->get());
    if (::mount(PathOfFd(netns).c_str(), target.c_str(), "none", MS_BIND, nullptr) != 0) {
      SystemError error = SystemError::Last("mount", Path());
      ::unlinkat(directory->get(), name_.c_str(), 0);
      return error;
    }
    return Done{};
  }
};

class UnbindNetns : private NamedNetns {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    return ParseName(arguments) && arguments.Count(2, "id", &expected_).ok();
  }

  Status Run(HomeNetns&) {
    if (!IsPlainName(name_)) return SystemError{"unlink", EINVAL, Path()};
    // Shared: each umount waits for an RCU grace period, and those of several threads overlap. Of two that take the
    // same name away, the later one finds nothing.
    auto directory = LockDirectory(directory_, LOCK_SH);
    if (!directory) {
      if (directory.error().error == ENOENT) return SystemError{"unlink", ENOENT, Path()};
      return directory.error();
    }
    const Looked found = Look(directory->get(), name_);
    switch (found.entry) {
      case Entry::kNothing:
        return SystemError{"unlink", ENOENT, Path()};
      case Entry::kOther:
        return SystemError{"unlink", EINVAL, Path()};
      case Entry::kPlainFile:
        // Left over, perhaps, but no name of the namespace that was meant.
        if (expected_ != 0) return SystemError{"unlink", ENOENT, Path()};
        break;
      case Entry::kNamespace: {
        if (expected_ != 0 && found.id != expected_) return SystemError{"unlink", ENOENT, Path()};
        // Until EINVAL says that nothing is mounted any more: a race may have left two on top of each other.
        const std::string mounted = PathOfFd(directory->get()) + '/' + name_;
        while (::umount2(mounted.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
        }
        if (errno != EINVAL) return SystemError::Last("umount2", Path());
      }
    }
    if (::unlinkat(directory->get(), name_.c_str(), 0) != 0) return SystemError::Last("unlink", Path());
    return Done{};
  }

  static Napi::Value ToJs(Napi::Env env, Done) { return env.Undefined(); }

 private:
  uint64_t expected_ = 0;
};

}  // namespace

void DefineNamedNetns(Napi::Env env, Napi::Object exports) {
  ExportBoth<CreateNamedNetns>(env, exports, "createNamedNetns");
  ExportBoth<UnbindNetns>(env, exports, "unbindNetns");
}

}  // namespace netloom
