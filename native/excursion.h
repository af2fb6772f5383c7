// Running an operation that visits other network namespaces, also where the calling thread may not come back from one:
// setns asks for CAP_SYS_ADMIN in the user namespace that owns the target, and a process that is root of a user
// namespace alone, but still in the machine's network namespace, has that in the namespaces that it makes and not at
// home. There the visit is made by a thread that ends with it.
//
// Lifetime and thread: within one native call; the caller waits for the other thread.
#pragma once

#include <uv.h>

#include <optional>
#include <utility>

#include "netns_scope.h"

namespace netloom {

// What operation.Run(home) gives. It is run once more, on a thread of its own, where it could not so much as leave
// `home`: that is an operation's first step if it leaves at all.
template <typename Operation>
auto RunAnywhere(Operation& operation, HomeNetns& home) {
  using Outcome = decltype(operation.Run(home));
  Outcome here = operation.Run(home);
  if (!home.TakeRefusal() || here) return here;

  struct Excursion {
    Operation& operation;
    std::optional<Outcome> outcome;
  } excursion{operation, {}};
  uv_thread_t thread;
  const int error = uv_thread_create(
      &thread,
      [](void* data) {
        auto* self = static_cast<Excursion*>(data);
        HomeNetns left = HomeNetns::ForGood();
        self->outcome.emplace(self->operation.Run(left));
      },
      &excursion);
  if (error != 0) return Outcome(SystemError{"uv_thread_create", -error, {}});
  uv_thread_join(&thread);
  return std::move(*excursion.outcome);
}

}  // namespace netloom
