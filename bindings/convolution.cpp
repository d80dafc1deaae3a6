// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/optional.h>

#include <optional>
#include <vector>

#include "module.hpp"
#include "pool.hpp"
#include "rings.hpp"
#include "scratch.hpp"
#include "sequences.hpp"
#include "stream.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

/// Work in pieces, each with scratch of its own: f(piece, workspace).
template <class F>
void in_pieces(std::size_t work, std::size_t threads, std::size_t bytes, const F& f) {
  const std::size_t pieces = std::min(std::max<std::size_t>(threads, 1), work);
  std::vector<Scratch> scratch;
  scratch.reserve(pieces);
  for (std::size_t p = 0; p < pieces; ++p) scratch.emplace_back(bytes);
  executor(threads)(
      pieces, [&](std::size_t p) noexcept { f(p * work / pieces, (p + 1) * work / pieces, scratch[p].workspace()); });
}

/// k (channels, taps) as (taps, channels).
template <class T>
View<const T, 2> taps_of(const Input<T>& k) {
  return {k.data(), {k.shape(1), k.shape(0)}, {1, k.shape(1)}};
}

/// Channels [first, last) of all rows: 0.
template <class T>
void clear_rows(View<T, 2> y, std::size_t first, std::size_t last) noexcept {
  for (std::size_t t = 0; t < y.extent(0); ++t) {
    for (std::size_t c = first; c < std::min(last, y.extent(1)); ++c) y(t, c) = T(0);
  }
}

/// Kernels at work: their spectra, or few taps themselves, and how they are applied.
template <class T>
class Filter {
 public:
  /// For sequences of `length` samples at a time; backward: taps at negative lags. `once`: no others will come.
  Filter(const Input<T>& k, const std::optional<Input<T>>& backward, FilterKind kind, std::size_t length,
         std::size_t threads, bool once)
      : channels_(k.shape(0)), taps_(std::min(k.shape(1), length)) {
    const bool whole = backward.has_value() || kind == FilterKind::correlation;  // some taps act on the future
    if (!whole && !once) taps_ = k.shape(1);
    if (!whole && taps_ <= most_direct_taps) {
      values_.emplace(direct_size<T>(channels_, taps_) * sizeof(T));
      pack_direct(taps_of(k).rows(0, taps_), values());
      return;
    }
    plan_.emplace(channels_, whole ? length : std::min(taps_, length), length, ring<T>);
    values_.emplace(plan_->spectra_size() * sizeof(T));
    const auto within = [&](const Input<T>& taps) {
      const View<const T, 2> all = taps_of(taps);
      return all.rows(0, std::min(all.extent(0), once ? length : plan_->block()));  // further ones do nothing
    };
    const View<const T, 2> forward = within(k);
    const View<const T, 2> back = backward ? within(*backward) : forward;
    in_pieces(plan_->groups(), threads, convolve_workspace_bytes(*plan_),
              [&](std::size_t first, std::size_t last, Workspace scratch) noexcept {
                kernels().fft<T>().filter(*plan_, first, last, forward, backward ? &back : nullptr, kind, values(),
                                          scratch);
              });
  }

  std::size_t channels() const noexcept { return channels_; }
  /// Samples that one transform takes; 0: none is needed.
  std::size_t block() const noexcept { return plan_ ? plan_->block() : 0; }
  std::size_t nbytes() const noexcept {
    return (plan_ ? plan_->spectra_size() : direct_size<T>(channels_, taps_)) * sizeof(T);
  }

  /// All of u, sequence by sequence; the sequences of a group of channels after each other, so that its spectra
  /// are read from memory once. Beyond its length a sequence is not read, and y is 0.
  void apply(const Sequences<T>& u, const Result<T>& y, std::size_t threads, const Lengths& lengths) const {
    if (u.size() == 0) return;
    const auto& run = kernels().fft<T>();
    const std::size_t groups = (channels_ + lanes<T> - 1) / lanes<T>;
    const std::size_t batch = u.batch(), share = groups * batch / std::max<std::size_t>(threads, 1);
    const std::size_t bundle = std::clamp<std::size_t>(share, 1, batch == 1 ? groups : gathered_groups);
    const std::size_t bundles = (groups + bundle - 1) / bundle;
    const bool whole = plan_ && u.length() <= plan_->block();
    const std::size_t carried = !plan_ || whole ? 0 : groups * plan_->stage_size();
    const std::size_t bytes =
        plan_ ? convolve_workspace_bytes(*plan_) + workspace_size<T>(carried) : direct_workspace_bytes<T>(taps_);
    in_pieces(batch * bundles, threads, bytes, [&](std::size_t begin, std::size_t end, Workspace scratch) noexcept {
      T* const carry = scratch.take<T>(carried);
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t first = i / batch * bundle, b = i % batch;
        const std::size_t last = std::min(first + bundle, groups), length = lengths[b];
        const View<T, 2> all = sequence(y, b), out = all.rows(0, length);
        const View<const T, 2> in = u(b).rows(0, length);
        clear_rows(all.rows(length, all.extent(0) - length), first * lanes<T>, last * lanes<T>);
        if (length == 0) continue;
        if (!plan_) {
          run.convolve_direct(values(), taps_, first, last, in, out, scratch);
        } else if (whole) {
          run.convolve(*plan_, first, last, in, values(), out, scratch);
        } else {
          std::fill(carry + first * plan_->stage_size(), carry + last * plan_->stage_size(), T(0));
          run.convolve_on(*plan_, first, last, in, values(), carry, out, scratch);
        }
      }
    });
  }

 private:
  T* values() const noexcept { return values_->workspace().template take<T>(0); }

  std::size_t channels_, taps_;
  std::optional<ConvolutionPlan<T>> plan_;
  std::optional<Scratch> values_;  ///< spectra or packed taps
};

FilterKind kind_of(bool correlation) noexcept {
  return correlation ? FilterKind::correlation : FilterKind::causal;
}

template <class T>
std::optional<Input<T>> further_taps(const char* where, const std::optional<Array>& backward, std::size_t channels) {
  if (!backward) return std::nullopt;
  Input<T> taps(where, "backward", *backward);
  if (taps.ndim() != 2 || taps.shape(0) != channels) {
    wrong_shape(where, "backward", "(" + std::to_string(channels) + ", taps)", taps.shape());
  }
  return taps;
}

template <class T>
Input<T> kernel_taps(const char* where, const Array& k) {
  Input<T> taps(where, "k", k);
  if (taps.ndim() != 2) wrong_shape(where, "k", "(channels, taps)", taps.shape());
  return taps;
}

/// Kernels whose spectra are kept.
template <class T>
class Convolver {
 public:
  Convolver(const Array& k, const std::optional<Array>& backward, std::size_t length, bool correlation,
            std::size_t threads) {
    const char* const where = "ssm.Convolution";
    const Input<T> taps = kernel_taps<T>(where, k);
    if (taps.shape(0) == 0) wrong_shape(where, "k", "(channels, taps) with at least one channel", taps.shape());
    const auto further = further_taps<T>(where, backward, taps.shape(0));
    length_ = length;
    any_length_ = !further && !correlation;
    const nb::gil_scoped_release unlocked;
    filter_.emplace(taps, further, kind_of(correlation), length, threads, false);
  }

  Result<T> operator()(const Array& u, const nb::object& out, std::size_t threads, const nb::object& ends,
                       const char* where) const {
    Sequences<T> in(where, "u", u, filter_->channels());
    if (!any_length_ && in.length() > length_) {
      throw nb::value_error((std::string(where) + ": u must have at most length = " + std::to_string(length_) +
                             " samples where taps act on the future, has " + std::to_string(in.length()))
                                .c_str());
    }
    const Lengths lengths = lengths_of(where, ends, in.shape());
    Result<T> y = output_like<T>(where, out, in);
    in.shield_from(where, "u", y);
    const nb::gil_scoped_release unlocked;
    filter_->apply(in, y, threads, lengths);
    return y;
  }
  std::size_t nbytes() const noexcept { return filter_->nbytes(); }
  std::size_t block() const noexcept { return filter_->block(); }

 private:
  std::optional<Filter<T>> filter_;
  std::size_t length_ = 0;
  bool any_length_ = true;
};

/// The same, once.
template <class T>
Result<T> convolve_once(const Array& u, const Array& k, const std::optional<Array>& backward, bool correlation,
                        const nb::object& out, std::size_t threads) {
  const char* const where = correlation ? "ssm.correlate" : "ssm.causal_convolve";
  Input<T> taps = kernel_taps<T>(where, k);
  const std::size_t channels = taps.shape(0);
  auto further = further_taps<T>(where, backward, channels);
  Sequences<T> in(where, "u", u, channels);
  Result<T> y = output_like<T>(where, out, in);
  if (in.size() == 0) return y;
  in.shield_from(where, "u", y);
  const nb::gil_scoped_release unlocked;
  const Filter<T> filter(taps, further, kind_of(correlation), in.length(), threads, true);
  filter.apply(in, y, threads, Lengths{in.length()});
  return y;
}

/// A filter for signals that arrive sample by sample, as bindings/stream.hpp wants a layer.
template <class T>
class OnlineFilter {
 public:
  using value_type = T;

  explicit OnlineFilter(const Array& k) {
    const char* const where = "ssm.ConvolutionStream";
    const Input<T> taps = kernel_taps<T>(where, k);
    if (taps.shape(0) == 0) wrong_shape(where, "k", "(channels, taps) with at least one channel", taps.shape());
    const nb::gil_scoped_release unlocked;
    plan_ = plan_online(taps_of(taps), ring<T>, kernels().fft<T>().spectrum);
  }

  std::size_t channels() const noexcept { return plan_.channels; }
  std::size_t state_size() const noexcept { return plan_.state_size(); }
  void expect_state(const T* state) const {
    if (!is_position(state)) {
      throw nb::value_error("ssm.state: state must be one that a ConvolutionStream gave, its first values are not");
    }
  }
  std::size_t nbytes() const noexcept { return (plan_.spectra.size() + plan_.direct.size()) * sizeof(T); }

  void scan(const T* u, std::size_t batch, const Lengths& lengths, T* states, T* y, std::size_t threads) const {
    in_pieces(batch, threads, online_workspace_bytes(plan_),
              [&](std::size_t first, std::size_t last, Workspace scratch) {
                for (std::size_t b = first; b < last; ++b) {
                  for (std::size_t t = 0; t < lengths[b]; ++t) {
                    const std::size_t at = (b * lengths.whole + t) * plan_.channels;
                    kernels().fft<T>().online_step(plan_, u + at, states + b * state_size(), y + at, scratch);
                  }
                }
              });
  }
  void step(View<const T, 2> u, View<T, 2> states, View<T, 2> y) const {
    const Scratch scratch(online_workspace_bytes(plan_));
    for (std::size_t b = 0; b < u.extent(0); ++b) {
      kernels().fft<T>().online_step(plan_, u.row(b), states.row(b), y.row(b), scratch.workspace());
    }
  }

 private:
  OnlinePlan<T> plan_;
};

template <class T>
void bind_type(nb::module_& m, const char* name, const char* once, const char* online, const char* stream) {
  using C = Convolver<T>;
  nb::class_<C>(m, name, "Convolution kernels whose spectra are kept.")
      .def(nb::init<const Array&, const std::optional<Array>&, std::size_t, bool, std::size_t>(), "k"_a, "backward"_a,
           "length"_a, "correlation"_a, "threads"_a)
      .def("__call__", &C::operator(), "u"_a.noconvert(), nb::kw_only(), "out"_a = nb::none(), "threads"_a = 1,
           "lengths"_a = nb::none(), "where"_a = "ssm.Convolution")
      .def_prop_ro("nbytes", &C::nbytes)
      .def_prop_ro("block", &C::block);
  bind_layer<OnlineFilter<T>>(m, online, stream, "ssm.ConvolutionStream",
                              "Kernels at work on signals that arrive sample by sample.")
      .def(nb::init<const Array&>(), "k"_a)
      .def_prop_ro("nbytes", &OnlineFilter<T>::nbytes);
  m.def(once, &convolve_once<T>, "u"_a, "k"_a, "backward"_a = nb::none(), "correlation"_a = false, "out"_a = nb::none(),
        "threads"_a = 1);
}

}  // namespace

void bind_convolution(nb::module_& m) {
  bind_type<float>(m, "Convolution32", "convolve32", "OnlineFilter32", "ConvolutionStream32");
  bind_type<double>(m, "Convolution64", "convolve64", "OnlineFilter64", "ConvolutionStream64");
}

}  // namespace danaus::bindings
