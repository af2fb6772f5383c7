#include "name_lookup.h"

#include <netdb.h>
#include <sys/socket.h>
#include <uv.h>

#include <cstring>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "arguments.h"
#include "job.h"
#include "socket_address.h"

namespace netloom {

namespace {

// The numbers that libuv, and so Node, has for them. As an errno: positive.
int ErrnoOf(int error) {
  switch (error) {
    case EAI_SYSTEM:
      return errno;
    case EAI_AGAIN:
      return -UV_EAI_AGAIN;
    case EAI_BADFLAGS:
      return -UV_EAI_BADFLAGS;
    case EAI_FAIL:
      return -UV_EAI_FAIL;
    case EAI_FAMILY:
      return -UV_EAI_FAMILY;
    case EAI_MEMORY:
      return -UV_EAI_MEMORY;
    case EAI_NONAME:
      return -UV_EAI_NONAME;
    case EAI_OVERFLOW:
      return -UV_EAI_OVERFLOW;
    case EAI_SERVICE:
      return -UV_EAI_SERVICE;
    case EAI_SOCKTYPE:
      return -UV_EAI_SOCKTYPE;
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY:
      return -UV_EAI_ADDRFAMILY;
#endif
#ifdef EAI_NODATA
    case EAI_NODATA:
      return -UV_EAI_NODATA;
#endif
    default:
      return -UV_EAI_FAIL;
  }
}

Napi::Value ToTexts(Napi::Env env, const std::list<std::string>& texts) {
  auto array = Napi::Array::New(env);
  uint32_t at = 0;
  for (const std::string& text : texts) array.Set(at++, Napi::String::New(env, text));
  return array;
}

class LookUpAddresses {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    return Arguments(info)
        .Path(0, "netns", &netns_)
        .Path(1, "hostname", &hostname_)
        .Integer(2, "family", &family_)
        .Integer(3, "hints", &hints_)
        .ok();
  }

  Result<std::list<std::string>> Run(HomeNetns& home) {
    if (!netns_.empty()) {
      const Status shown = home.ShowEtc(netns_);
      if (!shown) return shown.error();
    }
    addrinfo hints{};
    hints.ai_family = family_;
    hints.ai_flags = hints_;
    // As in Node: each address once.
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(hostname_.c_str(), nullptr, &hints, &found);
    if (error != 0) return SystemError{"getaddrinfo", ErrnoOf(error), {}};
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
    std::list<std::string> addresses;
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
      char text[INET6_ADDRSTRLEN] = "";
      const void* address = nullptr;
      if (entry->ai_family == AF_INET) address = &reinterpret_cast<const sockaddr_in*>(entry->ai_addr)->sin_addr;
      if (entry->ai_family == AF_INET6) address = &reinterpret_cast<const sockaddr_in6*>(entry->ai_addr)->sin6_addr;
      if (address != nullptr && uv_inet_ntop(entry->ai_family, address, text, sizeof text) == 0)
        addresses.emplace_back(text);
    }
    return addresses;
  }

  static Napi::Value ToJs(Napi::Env env, const std::list<std::string>& addresses) { return ToTexts(env, addresses); }

 private:
  std::string netns_;
  std::string hostname_;
  int family_ = AF_UNSPEC;
  int hints_ = 0;
};

class LookUpService {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    Bytes address;
    int port = 0;
    const bool ok =
        Arguments(info).Path(0, "netns", &netns_).Memory(1, "address", &address).Integer(2, "port", &port).ok();
    address_ = SocketAddress(address, port, 0);
    return ok;
  }

  Result<std::list<std::string>> Run(HomeNetns& home) {
    if (!netns_.empty()) {
      const Status shown = home.ShowEtc(netns_);
      if (!shown) return shown.error();
    }
    char host[NI_MAXHOST];
    char service[NI_MAXSERV];
    const int error =
        ::getnameinfo(address_.get(), address_.size, host, sizeof host, service, sizeof service, NI_NAMEREQD);
    if (error != 0) return SystemError{"getnameinfo", ErrnoOf(error), {}};
    return std::list<std::string>{host, service};
  }

  static Napi::Value ToJs(Napi::Env env, const std::list<std::string>& names) { return ToTexts(env, names); }

 private:
  std::string netns_;
  SocketAddress address_;
};

template <typename Operation>
Napi::Value CallOnLookupPool(const Napi::CallbackInfo& info) {
  Operation operation;
  if (!operation.Parse(info)) return {};
  WorkerPool* pool = Environment::Of(info.Env()).LookupPool(info.Env());
  if (pool == nullptr) return {};
  return RunOnPool(info.Env(), *pool, std::move(operation));
}

}  // namespace

void DefineNameLookup(Napi::Env env, Napi::Object exports) {
  // No synchronous flavour: they wait for a server.
  exports.Set("lookUpAddressesAsync",
              Napi::Function::New(env, CallOnLookupPool<LookUpAddresses>, "lookUpAddressesAsync"));
  exports.Set("lookUpServiceAsync", Napi::Function::New(env, CallOnLookupPool<LookUpService>, "lookUpServiceAsync"));
}

}  // namespace netloom
