// Asks whether something is mounted at a path in any mount namespace of the machine. Only /proc tells: a file on which
// another mount namespace has mounted something looks plain from here, and unlinking it detaches that mount there.
//
// Reads files; any thread.
#pragma once

#include <string>

namespace netloom {

// True when some process sees a namespace file mounted at `path`. Processes that may not be looked at do not count.
bool IsNamespaceMountedAnywhere(const std::string& path);

}  // namespace netloom
