// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <thread>
#include <vector>

#include <check.hpp>
#include <danaus/fft/online.hpp>

namespace {

using namespace danaus;

// One plan, its spectra and an online plan read by several threads at the same time: the thread sanitizer watches
// (preset tsan), and every thread finds the same bits.
void shared(std::size_t length, std::size_t channels) {
  check::Random random(1);
  std::vector<float> k(length * channels), u(k.size());
  for (float& x : k) x = static_cast<float>(random());
  for (float& x : u) x = static_cast<float>(random());
  const View<const float, 2> taps(k.data(), {length, channels}), in(u.data(), {length, channels});
  const ConvolutionPlan<float> plan(channels, length, length, new_ring<float>);
  const OnlinePlan<float> online = plan_online(taps, new_ring<float>, &spectrum<float>);
  Buffer<float> spectra(plan.spectra_size());
  Buffer<std::byte> room(convolve_workspace_bytes(plan));
  filter(plan, 0, plan.groups(), taps, static_cast<const View<const float, 2>*>(nullptr), FilterKind::causal,
         spectra.data(), workspace(room));
  std::array<std::vector<float>, 4> whole, streamed;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    threads.emplace_back([&, i] {
      whole[i].resize(u.size());
      streamed[i].resize(u.size());
      Buffer<std::byte> scratch(std::max(convolve_workspace_bytes(plan), online_workspace_bytes(online)));
      convolve(plan, 0, plan.groups(), in, spectra.data(), View<float, 2>(whole[i].data(), {length, channels}),
               workspace(scratch));
      std::vector<float> state(online.state_size(), 0.0F);
      for (std::size_t t = 0; t < length; ++t) {
        online_step(online, in.row(t), state.data(), &streamed[i][t * channels], workspace(scratch));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 1; i < whole.size(); ++i) CHECK(whole[i] == whole[0] && streamed[i] == streamed[0]);
  for (std::size_t i = 0; i < u.size(); ++i) CHECK_NEAR(streamed[0][i], whole[0][i], 1e-4);
}

TEST(plans_may_be_shared_by_threads) {
  shared(300, 37);  // with channels in lanes and, for those left over, segments of time
  shared(2000, 2);  // segments alone
}

}  // namespace
