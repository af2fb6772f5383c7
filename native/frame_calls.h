// The system calls that move frames, as bare as they are. Those of libc are points of cancellation (pthreads(7)): in a
// process of several threads each marks the thread as cancellable before, and not so after, by atomic operations that
// cost a tenth of writing a packet to a TUN. Nobody cancels threads here.
//
// Each gives what the kernel gives, or -1 with errno, as in libc. Any thread.
#pragma once

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>

namespace netloom::calls {

inline ssize_t Read(int fd, void* to, size_t room) {
  return ::syscall(SYS_read, fd, to, room);
}

inline ssize_t Write(int fd, const void* frame, size_t size) {
  return ::syscall(SYS_write, fd, frame, size);
}

inline ssize_t WriteParts(int fd, const iovec* parts, int count) {
  return ::syscall(SYS_writev, fd, parts, count);
}

inline int ReceiveMessages(int fd, mmsghdr* messages, unsigned most) {
  return static_cast<int>(::syscall(SYS_recvmmsg, fd, messages, most, 0, nullptr));
}

inline int SendMessages(int fd, mmsghdr* messages, unsigned count) {
  return static_cast<int>(::syscall(SYS_sendmmsg, fd, messages, count, 0));
}

}  // namespace netloom::calls
