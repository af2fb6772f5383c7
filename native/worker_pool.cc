#include "worker_pool.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace netloom {

namespace {

constexpr uint64_t kIdleNanoseconds = 5'000'000'000;

class Lock {
 public:
  explicit Lock(uv_mutex_t& mutex) : mutex_(mutex) { uv_mutex_lock(&mutex_); }
  ~Lock() { uv_mutex_unlock(&mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  uv_mutex_t& mutex_;
};

// False once the environment is terminating. Node-API has no question for that, but every call that could enter
// JavaScript refuses then; comparing a number with itself is the cheapest of them.
bool CanRunJavaScript(napi_env env) {
  napi_value zero = nullptr;
  bool equal = false;
  return napi_create_int32(env, 0, &zero) == napi_ok && napi_strict_equals(env, zero, zero, &equal) == napi_ok;
}

}  // namespace

WorkerPool* WorkerPool::Create(Napi::Env env, size_t stack_size) {
  uv_loop_t* loop = nullptr;
  auto* pool = new WorkerPool(env, stack_size);
  int error = napi_get_uv_event_loop(env, &loop) == napi_ok ? 0 : UV_ENOTSUP;
  if (error == 0) {
    error =
        uv_async_init(loop, &pool->async_, [](uv_async_t* async) { static_cast<WorkerPool*>(async->data)->Deliver(); });
  }
  if (error != 0) {
    delete pool;
    SystemError{"uv_async_init", -error, {}}.Throw(env);
    return nullptr;
  }
  pool->async_.data = pool;
  uv_unref(reinterpret_cast<uv_handle_t*>(&pool->async_));

  napi_value name = Napi::String::New(env, "netloom");
  napi_async_init(env, nullptr, name, &pool->context_);
  napi_add_async_cleanup_hook(
      env, [](napi_async_cleanup_hook_handle hook, void* data) { static_cast<WorkerPool*>(data)->Stop(hook); }, pool,
      &pool->hook_);
  return pool;
}

WorkerPool::WorkerPool(Napi::Env env, size_t stack_size) : env_(env), stack_size_(stack_size) {
  uv_mutex_init(&mutex_);
  uv_cond_init(&wake_);
  for (Thread& thread : threads_) thread.pool = this;
}

WorkerPool::~WorkerPool() {
  uv_cond_destroy(&wake_);
  uv_mutex_destroy(&mutex_);
}

Status WorkerPool::Submit(std::unique_ptr<Job> job) {
  {
    Lock lock(mutex_);
    if (stopping_) return SystemError{"uv_thread_create", ECANCELED, {}};
    // The thread that runs its strand takes it next.
    const bool follows = IsBusy(job->Strand());
    queue_.push_back(std::move(job));
    if (!follows && queue_.size() > idle_) {
      const int error = StartThread();
      if (error != 0) {
        // No thread at all: nobody would ever take it.
        job = std::move(queue_.back());
        queue_.pop_back();
        return SystemError{"uv_thread_create", -error, {}};
      }
    }
    if (!follows) uv_cond_signal(&wake_);
  }
  if (pending_++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&async_));
  return Done{};
}

// Under mutex_. 0 when there is a thread to do the work, be it an older one that is busy now.
int WorkerPool::StartThread() {
  Thread* slot = nullptr;
  bool any = false;
  for (Thread& thread : threads_) {
    any = any || thread.state == ThreadState::kRunning;
    if (slot == nullptr && thread.state != ThreadState::kRunning) slot = &thread;
  }
  if (slot == nullptr) return 0;
  // It said so with its last words under the mutex, so this waits for a return at most.
  if (slot->state == ThreadState::kExited) uv_thread_join(&slot->id);
  slot->state = ThreadState::kNone;

  uv_thread_options_t options{};
  options.flags = UV_THREAD_HAS_STACK_SIZE;
  options.stack_size = stack_size_;
  const int error = uv_thread_create_ex(&slot->id, &options, ThreadMain, slot);
  if (error == 0) slot->state = ThreadState::kRunning;
  return any ? 0 : error;
}

void WorkerPool::ThreadMain(void* thread) {
  auto* self = static_cast<Thread*>(thread);
  self->pool->Work(*self);
}

// Under mutex_.
bool WorkerPool::IsBusy(const void* strand) const {
  if (strand == nullptr) return false;
  return std::any_of(std::begin(threads_), std::end(threads_),
                     [strand](const Thread& thread) { return thread.strand == strand; });
}

// Under mutex_. The first that may run, or the end.
WorkerPool::Jobs::iterator WorkerPool::NextJob() {
  return std::find_if(queue_.begin(), queue_.end(), [this](const auto& job) { return !IsBusy(job->Strand()); });
}

void WorkerPool::Work(Thread& self) {
  HomeNetns home;  // the namespace of the JavaScript thread, which started this one
  uv_mutex_lock(&mutex_);
  for (;;) {
    bool idle_too_long = false;
    auto next = NextJob();
    while (next == queue_.end() && !stopping_ && !idle_too_long) {
      ++idle_;
      idle_too_long = uv_cond_timedwait(&wake_, &mutex_, kIdleNanoseconds) == UV_ETIMEDOUT;
      --idle_;
      next = NextJob();
    }
    if (next == queue_.end()) break;  // idle, or stopping

    std::unique_ptr<Job> job = std::move(*next);
    queue_.erase(next);
    self.strand = job->Strand();
    uv_mutex_unlock(&mutex_);
    job->Run(home);
    uv_mutex_lock(&mutex_);
    self.strand = nullptr;
    completed_.push_back(std::move(job));
    uv_async_send(&async_);
  }
  self.state = ThreadState::kExited;
  uv_async_send(&async_);  // to be joined
  uv_mutex_unlock(&mutex_);
}

// Joins the threads of one state. Not under mutex_.
void WorkerPool::JoinThreads(ThreadState state) {
  for (Thread& thread : threads_) {
    {
      Lock lock(mutex_);
      if (thread.state != state) continue;
    }
    uv_thread_join(&thread.id);
    thread.state = ThreadState::kNone;
  }
}

void WorkerPool::Deliver() {
  JoinThreads(ThreadState::kExited);

  Napi::HandleScope scope(env_);
  // A terminating Worker still turns its loop before it calls Stop, which then releases what is left here.
  if (!CanRunJavaScript(env_)) return;
  Jobs jobs;
  {
    Lock lock(mutex_);
    jobs.swap(completed_);
  }
  if (jobs.empty()) return;
  pending_ -= jobs.size();
  {
    // One scope for all that are done: their continuations run in one turn, so that the requests these make travel
    // together.
    Napi::CallbackScope callbacks(env_, context_);
    for (auto& job : jobs) {
      Napi::HandleScope per_job(env_);
      job->Deliver(env_);
      job.reset();
    }
  }
  if (pending_ == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&async_));
}

void WorkerPool::Stop(napi_async_cleanup_hook_handle hook) {
  hook_ = hook;
  Jobs dropped;
  {
    Lock lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
    uv_cond_broadcast(&wake_);
  }
  JoinThreads(ThreadState::kRunning);
  JoinThreads(ThreadState::kExited);
  // No thread is left, and the environment still is: the last place where jobs can release their references.
  dropped.clear();
  completed_.clear();
  napi_async_destroy(env_, context_);

  uv_close(reinterpret_cast<uv_handle_t*>(&async_), [](uv_handle_t* handle) {
    auto* pool = static_cast<WorkerPool*>(handle->data);
    napi_async_cleanup_hook_handle done = pool->hook_;
    delete pool;
    napi_remove_async_cleanup_hook(done);
  });
}

}  // namespace netloom
