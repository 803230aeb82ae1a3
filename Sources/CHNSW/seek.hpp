#pragma once

// The walk of a search on the lowest level: what hnswlib's searchKnn finds, in one ordered list instead of two heaps.
//
// A walk waits for memory more than it computes: each step asks for vectors that no cache has. So while the vectors of one list are
// looked at, those of the list that is likely to follow are already on their way.

#include "walk.hpp"

namespace chnsw {

/// The nearest so far, in ascending order, and which of them have been followed.
struct Ranking {
    std::vector<float> distances;
    std::vector<hnswlib::tableint> elements;
    std::vector<hnswlib::tableint> fresh;
    size_t count = 0;

    static constexpr hnswlib::tableint followed = hnswlib::tableint(1) << 31;

    bool is_followed(size_t place) const { return elements[place] & followed; }

    size_t first_open(size_t place) const
    {
        while (place < count && is_followed(place))
            place++;
        return place;
    }

    /// Puts an element where it belongs; the farthest of a full ranking goes for it. Returns its place.
    size_t insert(float distance, hnswlib::tableint element, size_t breadth)
    {
        const size_t place = std::upper_bound(distances.begin(), distances.begin() + count, distance) - distances.begin();
        const size_t last = count < breadth ? count++ : breadth - 1;
        std::memmove(&distances[place + 1], &distances[place], (last - place) * sizeof(float));
        std::memmove(&elements[place + 1], &elements[place], (last - place) * sizeof(hnswlib::tableint));
        distances[place] = distance;
        elements[place] = element;
        return place;
    }
};

inline void fetch(const void *start, size_t bytes)
{
    const char *line = static_cast<const char *>(start);
    for (size_t byte = 0; byte < bytes; byte += 64)
        __builtin_prefetch(line + byte);
}

/// Fills `ranking` with the nearest `breadth` that are found from `start`; of elements as far away as the farthest kept, the one that
/// came first stays. For a graph without deleted elements that nobody changes meanwhile, of fewer than 2^31 elements.
inline void seek(const Graph &graph, hnswlib::tableint start, const float *query, size_t breadth, Ranking &ranking)
{
    // More than these of a vector the processor fetches by itself, once it is being read.
    const size_t ahead = std::min<size_t>(graph.data_size_, 512);
    const size_t list_bytes = graph.size_links_level0_;
    Visited visited(*graph.visited_list_pool_);
    ranking.distances.resize(breadth + 1);
    ranking.elements.resize(breadth + 1);
    ranking.fresh.clear();
    ranking.count = 0;
    visited.add(start);
    ranking.insert(distance_to(graph, query, start), start, breadth);
    for (size_t open = 0; open < ranking.count; open = ranking.first_open(open)) {
        const hnswlib::linklistsizeint *list = graph.get_linklist0(ranking.elements[open]);
        ranking.elements[open] |= Ranking::followed;
        const int size = *reinterpret_cast<const unsigned short *>(list);
        ranking.fresh.clear();
        for (int link = 1; link <= size; link++) {
            if (!visited.add(list[link]))
                continue;
            ranking.fresh.push_back(list[link]);
            fetch(graph.getDataByInternalId(list[link]), ahead);
        }
        const size_t next = ranking.first_open(open + 1);
        if (next < ranking.count) {
            const hnswlib::linklistsizeint *following = graph.get_linklist0(ranking.elements[next]);
            const int links = *reinterpret_cast<const unsigned short *>(following);
            for (int link = 1; link <= links; link++)
                if (!visited.has(following[link]))
                    fetch(graph.getDataByInternalId(following[link]), ahead);
        }
        for (const hnswlib::tableint element : ranking.fresh) {
            const float distance = distance_to(graph, query, element);
            if (ranking.count == breadth && !(distance < ranking.distances[breadth - 1]))
                continue;
            fetch(graph.get_linklist0(element), list_bytes);
            open = std::min(open, ranking.insert(distance, element, breadth));
        }
    }
    for (size_t place = 0; place < ranking.count; place++)
        ranking.elements[place] &= ~Ranking::followed;
}

/// Fills `ranking` with the nearest `breadth` that are found in a graph that is not empty.
inline void rank(const Graph &graph, const float *query, size_t breadth, Ranking &ranking)
{
    const hnswlib::tableint start = descend(graph, graph.enterpoint_node_, query, graph.maxlevel_, 0, false);
    if (!graph.num_deleted_)
        return seek(graph, start, query, breadth, ranking);
    // Deleted elements are followed and not kept: one list cannot hold both.
    thread_local Workspace work;
    spread(graph, start, query, breadth, 0, false, work);
    std::sort(work.reached.begin(), work.reached.end(), closer);
    ranking.distances.clear();
    ranking.elements.clear();
    for (const Candidate &candidate : work.reached) {
        ranking.distances.push_back(candidate.first);
        ranking.elements.push_back(candidate.second);
    }
    ranking.count = work.reached.size();
}

} // namespace chnsw
