#pragma once

// Looking at all: the nearest among plain vectors, and among sums of distances, without an index.

#include "space.hpp"

#include <algorithm>
#include <cmath>

namespace chnsw {

/// The nearest few so far, in ascending order; of equally near ones the first that came.
struct Few {
    chnsw_neighbour *found;
    size_t limit;
    size_t kept = 0;
    float bound = INFINITY;

    void consider(float distance, uint64_t label)
    {
        if (!(distance < bound))
            return;
        size_t place = kept < limit ? kept++ : limit - 1;
        for (; place > 0 && found[place - 1].distance > distance; place--)
            found[place] = found[place - 1];
        found[place] = {label, distance};
        if (kept == limit)
            bound = found[limit - 1].distance;
    }
};

/// Rows that stay in the processor's cache while every query looks at them.
constexpr size_t tile = 256;

inline void nearest_rows(const float *rows, size_t count, size_t dimension, const uint8_t *admitted, const float *queries,
                         const int64_t *except, Few *few, size_t query_count)
{
    for (size_t start = 0; start < count; start += tile) {
        const size_t end = std::min(start + tile, count);
        for (size_t query = 0; query < query_count; query++) {
            const float *one = queries + query * dimension;
            for (size_t row = start; row < end; row++) {
                if ((admitted && !admitted[row]) || (except && except[query] == static_cast<int64_t>(row)))
                    continue;
                few[query].consider(distance<Squares>(one, rows + row * dimension, &dimension), row);
            }
        }
    }
}

inline void nearest_sums(const float *sums, const float *more, float factor, size_t count, size_t except, Few &few)
{
    constexpr size_t step = 16;
    size_t place = 0;
    for (; place + step <= count; place += step) {
        float total[step];
        unsigned nearer = 0;
        for (size_t lane = 0; lane < step; lane++) {
            total[lane] = sums[place + lane] + more[place + lane] * factor;
            nearer |= total[lane] < few.bound;
        }
        // Most are far away: then one look for all of them is enough.
        for (size_t lane = 0; nearer && lane < step; lane++)
            if (place + lane != except)
                few.consider(total[lane], place + lane);
    }
    for (; place < count; place++)
        if (place != except)
            few.consider(sums[place] + more[place] * factor, place);
}

} // namespace chnsw
