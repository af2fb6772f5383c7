#include "netns_scope.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "etc_binding.h"

namespace netloom {

HomeNetns HomeNetns::ForGood() {
  HomeNetns home;
  home.for_good_ = true;
  return home;
}

Status HomeNetns::Prepare() {
  if (fd_ || for_good_) return Done{};
  // thread-self, not self: the main thread may be elsewhere than the thread that asks.
  constexpr const char* kPath = "/proc/thread-self/ns/net";
  fd_.Reset(::open(kPath, O_RDONLY | O_CLOEXEC));
  if (!fd_) return SystemError::Last("open", kPath);
  // From where it leads to this changes nothing, but asks for what the way back will: CAP_SYS_ADMIN in its owner.
  if (::setns(fd_.get(), CLONE_NEWNET) == 0) return Done{};
  refused_ = true;
  SystemError error = SystemError::Last("setns");
  fd_.Reset();
  return error;
}

void HomeNetns::Return() const {
  if (for_good_) return;
  if (::setns(fd_.get(), CLONE_NEWNET) == 0) return;
  std::fprintf(stderr, "netloom: a thread cannot return to its own network namespace: setns: %s\n",
               std::strerror(errno));
  std::abort();
}

Status HomeNetns::ShowEtc(const std::string& name) {
  if (shows_etc_) return Done{};
  if (::unshare(CLONE_NEWNS) != 0) return SystemError::Last("unshare");
  // No mount made here may reach the namespace of the process.
  if (::mount("", "/", "none", MS_SLAVE | MS_REC, nullptr) != 0) return SystemError::Last("mount", "/");
  BindEtc(name.c_str(), nullptr);
  shows_etc_ = true;
  return Done{};
}

NetnsRef::NetnsRef(int fd) : home_(fd < 0) {
  if (home_) return;
  fd_.Reset(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!fd_) error_ = errno;
}

NetnsScope::NetnsScope(HomeNetns& home, const NetnsRef& netns) : home_(home), status_(Done{}) {
  if (netns.is_home()) return;
  if (netns.error() != 0) {
    status_ = SystemError{"fcntl", netns.error(), {}};
    return;
  }
  status_ = home_.Prepare();
  if (!status_) return;
  if (::setns(netns.fd(), CLONE_NEWNET) != 0) {
    status_ = SystemError::Last("setns");
    return;
  }
  away_ = true;
}

NetnsScope::~NetnsScope() {
  if (away_) home_.Return();
}

}  // namespace netloom
