// Being inside another network namespace for a moment, on the calling thread.
//
// HomeNetns is a thread's own namespace (and view of /etc); each pool thread owns one, and the Environment owns that of
// the JavaScript thread. Its descriptor is opened once, so that a visit costs two setns. NetnsRef is the namespace an
// operation was asked for; it owns a duplicate, so that closing the original meanwhile cannot send a thread somewhere
// else. NetnsScope is the visit: a stack object, within one native call. Whether a thread may come home is found out
// before it leaves (excursion.h does what it may not). One that then could not would run JavaScript, or another
// operation, in a foreign namespace: the process aborts rather than do that.
#pragma once

#include <string>
#include <utility>

#include "system_error.h"
#include "unique_fd.h"

namespace netloom {

class HomeNetns {
 public:
  // For a thread that ends after one visit, and need not come back.
  static HomeNetns ForGood();

  // Before the thread leaves. Opens the descriptor at the first use, and fails where the way back is forbidden.
  Status Prepare();
  // Returns the calling thread to it, or aborts. Prepare() has succeeded before.
  void Return() const;
  // Whether Prepare() has failed since this was asked last, because the thread may not come back.
  bool TakeRefusal() { return std::exchange(refused_, false); }
  // From now on the calling thread, and no other, sees the files of /etc/netns/NAME in place of those of /etc. It is in
  // a mount namespace of its own then, so it must be one that looks names up and does nothing else. Done at the first
  // use.
  Status ShowEtc(const std::string& name);

 private:
  UniqueFd fd_;
  bool for_good_ = false;
  bool refused_ = false;
  bool shows_etc_ = false;
};

class NetnsRef {
 public:
  NetnsRef() = default;  // the caller's own namespace
  // Duplicates `fd`; -1 means the caller's own namespace. error() says why there is no duplicate: a bad descriptor, or
  // one too many.
  explicit NetnsRef(int fd);

  [[nodiscard]] bool is_home() const { return home_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] int error() const { return error_; }

 private:
  bool home_ = true;
  UniqueFd fd_;
  int error_ = 0;
};

class NetnsScope {
 public:
  // On failure the thread is where it was, and status() says why.
  NetnsScope(HomeNetns& home, const NetnsRef& netns);
  ~NetnsScope();
  NetnsScope(const NetnsScope&) = delete;
  NetnsScope& operator=(const NetnsScope&) = delete;

  [[nodiscard]] const Status& status() const { return status_; }

 private:
  HomeNetns& home_;
  bool away_ = false;
  Status status_;
};

}  // namespace netloom
