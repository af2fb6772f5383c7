// Native threads for system calls that wait, so that the event loop never does.
//
// One pool per environment (and one more for name lookups, where it makes any), created and used on its JavaScript
// thread. Up to four threads are started on demand, take jobs first in first out, and exit after some seconds without
// work. A finished job returns through one uv_async_t, which keeps the loop alive only while jobs are pending.
//
// Lifetime: the pool owns itself. When the environment ends (exit, or a Worker's terminate() at any moment) its async
// cleanup hook drops the jobs that wait, lets those that run finish, joins the threads, and deletes the pool once the
// uv handle is closed. A synchronous hook would not do: the addon is unloaded before the close callback runs.
// JavaScript is never entered after that began; what a job owns is released by its destructor, always on the
// JavaScript thread, so a job may hold references to JavaScript values.
#pragma once

#include <napi.h>
#include <uv.h>

#include <list>
#include <memory>

#include "netns_scope.h"

namespace netloom {

// Made, delivered and destroyed on the JavaScript thread; Run is called once, on a pool thread.
class Job {
 public:
  virtual ~Job() = default;
  virtual void Run(HomeNetns& home) = 0;
  virtual void Deliver(Napi::Env env) = 0;
  // Jobs that name the same strand run one at a time, in the order of their submission. Null: on its own.
  [[nodiscard]] virtual const void* Strand() const { return nullptr; }
};

class WorkerPool {
 public:
  // Null, with a JavaScript exception pending, when the system refuses.
  static WorkerPool* Create(Napi::Env env, size_t stack_size = size_t{512} * 1024);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Fails (and destroys the job) only when no thread could be started for it.
  Status Submit(std::unique_ptr<Job> job);

 private:
  // Not a deque or a vector: those take newer symbols of libstdc++ than the floor allows (GLIBCXX_3.4.29).
  using Jobs = std::list<std::unique_ptr<Job>>;
  enum class ThreadState { kNone, kRunning, kExited };
  struct Thread {
    WorkerPool* pool;
    ThreadState state = ThreadState::kNone;
    const void* strand = nullptr;  // of the job that it runs
    uv_thread_t id;
  };
  static constexpr size_t kMaxThreads = 4;

  WorkerPool(Napi::Env env, size_t stack_size);
  ~WorkerPool();

  static void ThreadMain(void* thread);
  void Work(Thread& self);
  [[nodiscard]] bool IsBusy(const void* strand) const;
  Jobs::iterator NextJob();
  int StartThread();
  void JoinThreads(ThreadState state);
  void Deliver();
  void Stop(napi_async_cleanup_hook_handle hook);

  // JavaScript thread only.
  Napi::Env env_;
  const size_t stack_size_;
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  uv_async_t async_;
  size_t pending_ = 0;  // submitted and not yet delivered

  // Shared with the threads, under mutex_.
  uv_mutex_t mutex_;
  uv_cond_t wake_;
  Thread threads_[kMaxThreads];
  Jobs queue_;
  Jobs completed_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace netloom
