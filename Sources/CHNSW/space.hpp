#pragma once

// Distances that add up in one order on every machine: four sums of eight numbers each, then the rest one by one.
//
// hnswlib's own depend on what the compiler was told of the machine, and wait for one sum. The fused steps are written out, so
// no compiler chooses them.

#include "index.hpp"

#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace chnsw {

struct Squares {
    static float step(float one, float other, float sum)
    {
        const float difference = one - other;
        return std::fma(difference, difference, sum);
    }
#if defined(__x86_64__)
    static __m256 step(__m256 one, __m256 other, __m256 sum)
    {
        const __m256 difference = _mm256_sub_ps(one, other);
        return _mm256_fmadd_ps(difference, difference, sum);
    }
#endif
    static float distance(float sum) { return sum; }
};

struct Products {
    static float step(float one, float other, float sum) { return std::fma(one, other, sum); }
#if defined(__x86_64__)
    static __m256 step(__m256 one, __m256 other, __m256 sum) { return _mm256_fmadd_ps(one, other, sum); }
#endif
    static float distance(float sum) { return 1.0f - sum; }
};

/// The sum over two vectors; hnswlib passes the dimension as a pointer.
template <typename Kernel>
float distance(const void *left, const void *right, const void *parameter)
{
    const float *one = static_cast<const float *>(left);
    const float *other = static_cast<const float *>(right);
    const size_t count = *static_cast<const size_t *>(parameter);
    size_t slot = 0;
    float total = 0;
#if defined(__x86_64__)
    const auto eight_of = [&](size_t place, __m256 sum) {
        return Kernel::step(_mm256_loadu_ps(one + place), _mm256_loadu_ps(other + place), sum);
    };
    __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
    for (; slot + 32 <= count; slot += 32) {
        a = eight_of(slot, a);
        b = eight_of(slot + 8, b);
        c = eight_of(slot + 16, c);
        d = eight_of(slot + 24, d);
    }
    if (slot + 8 <= count) {
        a = eight_of(slot, a);
        slot += 8;
    }
    if (slot + 8 <= count) {
        b = eight_of(slot, b);
        slot += 8;
    }
    if (slot + 8 <= count) {
        c = eight_of(slot, c);
        slot += 8;
    }
    const __m256 eight = _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    total = _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
#else
    float sums[32] = {};
    for (; slot + 32 <= count; slot += 32)
        for (int lane = 0; lane < 32; lane++)
            sums[lane] = Kernel::step(one[slot + lane], other[slot + lane], sums[lane]);
    for (int part = 0; slot + 8 <= count; slot += 8, part++)
        for (int lane = 0; lane < 8; lane++)
            sums[8 * part + lane] = Kernel::step(one[slot + lane], other[slot + lane], sums[8 * part + lane]);
    float eight[8];
    for (int lane = 0; lane < 8; lane++)
        eight[lane] = (sums[lane] + sums[8 + lane]) + (sums[16 + lane] + sums[24 + lane]);
    const float left_pair = (eight[0] + eight[4]) + (eight[2] + eight[6]);
    total = left_pair + ((eight[1] + eight[5]) + (eight[3] + eight[7]));
#endif
    for (; slot < count; slot++)
        total = Kernel::step(one[slot], other[slot], total);
    return Kernel::distance(total);
}

/// A space of hnswlib with these distances.
class Space : public hnswlib::SpaceInterface<float> {
public:
    Space(chnsw_space space, size_t dimension) : space(space), dimension(dimension) {}

    size_t get_data_size() override { return dimension * sizeof(float); }

    hnswlib::DISTFUNC<float> get_dist_func() override
    {
        return space == CHNSW_L2 ? distance<Squares> : distance<Products>;
    }

    void *get_dist_func_param() override { return &dimension; }

private:
    chnsw_space space;
    size_t dimension;
};

} // namespace chnsw
