// The address of a socket, from what JavaScript has: bytes, a port and the index of a link.
//
// Lifetime: a plain value. Threads: any.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "arguments.h"

namespace netloom {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;  // 0: none

  SocketAddress() = default;
  // Of 4 or 16 bytes; of none otherwise. `scope` is the index of a link, for IPv6.
  SocketAddress(Bytes address, int port, int scope) {
    if (address.size == 4) {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = htons(static_cast<uint16_t>(port));
      std::memcpy(&v4.sin_addr, address.data, 4);
      std::memcpy(&storage, &v4, size = sizeof v4);
    } else if (address.size == 16) {
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(static_cast<uint16_t>(port));
      v6.sin6_scope_id = static_cast<uint32_t>(scope);
      std::memcpy(&v6.sin6_addr, address.data, 16);
      std::memcpy(&storage, &v6, size = sizeof v6);
    }
  }

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

}  // namespace netloom
