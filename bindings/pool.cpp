// SPDX-License-Identifier: Apache-2.0
#include "pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace danaus::bindings {
namespace {

/// A piece of parallel work: its pieces are taken by counting up.
struct Job {
  Executor::Piece piece = nullptr;
  const void* work = nullptr;
  std::size_t count = 0;
  std::size_t helpers = 0;  // workers that may still join
  std::atomic<std::size_t> next{0};

  void take_all() noexcept {
    for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) piece(work, i);
  }
};

class Pool {
 public:
  /// Runs a job with up to `threads` threads; false if the pool is busy.
  bool run(Job& job, std::size_t threads) noexcept {
    const std::unique_lock busy(one_caller_, std::try_to_lock);
    if (!busy.owns_lock()) return false;
    {
      const std::lock_guard lock(mutex_);
      while (workers_ + 1 < threads && add_worker()) {
      }
      job.helpers = std::min(threads - 1, workers_);
      job_ = &job;
    }
    wake_.notify_all();
    job.take_all();
    std::unique_lock lock(mutex_);
    job_ = nullptr;
    idle_.wait(lock, [this] { return active_ == 0; });
    return true;
  }

 private:
  bool add_worker() noexcept {
    try {
      std::thread([this] { serve(); }).detach();  // the pool lives as long as the process
      ++workers_;
      return true;
    } catch (...) {  // no more threads to be had: fewer will do
      return false;
    }
  }

  void serve() noexcept {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return job_ != nullptr && job_->helpers > 0; });
      Job& job = *job_;
      --job.helpers;
      ++active_;
      lock.unlock();
      job.take_all();
      lock.lock();
      if (--active_ == 0) idle_.notify_all();
    }
  }

  std::mutex one_caller_;  // held while a job runs
  std::mutex mutex_;       // guards what follows
  std::condition_variable wake_, idle_;
  Job* job_ = nullptr;
  std::size_t active_ = 0;
  std::size_t workers_ = 0;
};

/// The pool of this process: a child made by fork has none of its parent's threads and begins anew.
Pool& pool() {
  static std::mutex mutex;
  static Pool* current = nullptr;
  static ::pid_t owner = 0;
  const std::lock_guard lock(mutex);
  if (current == nullptr || owner != ::getpid()) {
    current = new Pool;  // never deleted: detached threads use it until the process ends
    owner = ::getpid();
  }
  return *current;
}

void for_each(void* threads, std::size_t count, Executor::Piece piece, const void* work) noexcept {
  Job job;
  job.piece = piece;
  job.work = work;
  job.count = count;
  if (!pool().run(job, std::min(reinterpret_cast<std::size_t>(threads), count))) job.take_all();
}

}  // namespace

Executor executor(std::size_t threads) {
  if (threads <= 1) return {};
  return Executor(reinterpret_cast<void*>(threads), for_each, threads);
}

}  // namespace danaus::bindings
