#include "file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <string>
#include <utility>

#include "arguments.h"
#include "handle.h"
#include "job.h"

namespace netloom {

namespace {

class LockFile {
 public:
  bool Parse(const Napi::CallbackInfo& info) { return Arguments(info).Path(0, "path", &path_).ok(); }

  Result<UniqueFd> Run(HomeNetns&) {
    UniqueFd file(::open(path_.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644));
    if (!file) return SystemError::Last("open", path_);
    while (::flock(file.get(), LOCK_EX) != 0) {
      if (errno != EINTR) return SystemError::Last("flock", path_);
    }
    return file;
  }

  static Napi::Value ToJs(Napi::Env env, UniqueFd fd) { return Handle::New(env, std::move(fd)); }

 private:
  std::string path_;
};

}  // namespace

void DefineFileLock(Napi::Env env, Napi::Object exports) {
  ExportBoth<LockFile>(env, exports, "lockFile");
}

}  // namespace netloom
