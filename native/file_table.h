// A table of file descriptors for one thread. While threads share a table, each system call on a descriptor counts the
// file's users up and down (fdget() in fs/file.c), which takes 20 ns of each.
//
// Lifetime: the table goes with its thread, and closes what it has. Thread: the calling one.
#pragma once

#include <cstddef>

namespace netloom {

// Gives the calling thread a table of its own that has nothing but the `count` descriptors of `kept`, which it sorts,
// and standard input, output and error. False where the kernel has no such call (before 5.9) or forbids it: then
// nothing has changed. Otherwise these descriptors exist twice now, and are closed when both tables have closed them.
bool TakeOwnFileTable(int* kept, size_t count);

}  // namespace netloom
