#pragma once

// The steps of hnswlib's searchBaseLayer and addPoint, with the same results.
//
// Different are: heaps that a thread keeps instead of queues that ask for memory, vectors of a list that are fetched together,
// locks only where threads share a graph, and a level that is given instead of drawn. Searching has a walk of its own: seek.hpp.

#include "index.hpp"

#include <algorithm>
#include <limits>
#include <queue>

namespace chnsw {

using Candidate = std::pair<float, hnswlib::tableint>;
using Lock = std::unique_lock<std::mutex>;

/// What a walk keeps from one to the next of its thread, so that it need not ask for memory.
struct Workspace {
    /// The nearest so far, the farthest on top.
    std::vector<Candidate> reached;
    /// Those whose links are still to be followed, the nearest on top.
    std::vector<Candidate> open;
    std::vector<hnswlib::tableint> fresh;
};

inline bool farther(const Candidate &one, const Candidate &other) { return one.first > other.first; }

inline bool closer(const Candidate &one, const Candidate &other) { return one.first < other.first; }

inline float distance_to(const Graph &graph, const float *query, hnswlib::tableint element)
{
    return graph.fstdistfunc_(query, graph.getDataByInternalId(element), graph.dist_func_param_);
}

/// The lock of an element's lists, held where threads share the graph.
inline Lock lists_of(const Graph &graph, hnswlib::tableint element, bool shared)
{
    return shared ? Lock(const_cast<Graph &>(graph).link_list_locks_[element]) : Lock();
}

/// A list of visited elements out of hnswlib's pool, given back at the end.
struct Visited {
    hnswlib::VisitedListPool &pool;
    hnswlib::VisitedList *list;

    explicit Visited(hnswlib::VisitedListPool &pool) : pool(pool), list(pool.getFreeVisitedList()) {}
    ~Visited() { pool.releaseVisitedList(list); }

    /// Whether this is the first visit.
    bool add(hnswlib::tableint element)
    {
        const bool fresh = list->mass[element] != list->curV;
        list->mass[element] = list->curV;
        return fresh;
    }

    bool has(hnswlib::tableint element) const { return list->mass[element] == list->curV; }
};

/// Downwards from level `from` to just above `to`: the nearest element that single steps lead to.
inline hnswlib::tableint descend(const Graph &graph, hnswlib::tableint here, const float *query, int from, int to,
                                 bool shared)
{
    float distance = distance_to(graph, query, here);
    for (int level = from; level > to; level--) {
        bool moved = true;
        while (moved) {
            moved = false;
            const Lock lock = lists_of(graph, here, shared);
            const hnswlib::linklistsizeint *list = graph.get_linklist(here, level);
            const int size = *reinterpret_cast<const unsigned short *>(list);
            for (int link = 1; link <= size; link++) {
                const float step = distance_to(graph, query, list[link]);
                if (step < distance) {
                    distance = step;
                    here = list[link];
                    moved = true;
                }
            }
        }
    }
    return here;
}

/// On one level: fills `work.reached` with the nearest `breadth` that are found.
inline void spread(const Graph &graph, hnswlib::tableint start, const float *query, size_t breadth, int level,
                   bool shared, Workspace &work)
{
    const size_t lines = std::min<size_t>((graph.data_size_ + 63) / 64, 4);
    Visited visited(*graph.visited_list_pool_);
    work.reached.clear();
    work.open.clear();
    visited.add(start);
    float distance = distance_to(graph, query, start);
    float bound = std::numeric_limits<float>::max();
    work.open.emplace_back(distance, start);
    if (!graph.num_deleted_ || !graph.isMarkedDeleted(start)) {
        work.reached.emplace_back(distance, start);
        bound = distance;
    }
    while (!work.open.empty()) {
        const Candidate nearest = work.open.front();
        if (nearest.first > bound && work.reached.size() >= breadth)
            break;
        std::pop_heap(work.open.begin(), work.open.end(), farther);
        work.open.pop_back();
        work.fresh.clear();
        {
            const Lock lock = lists_of(graph, nearest.second, shared);
            const hnswlib::linklistsizeint *list = graph.get_linklist_at_level(nearest.second, level);
            const int size = *reinterpret_cast<const unsigned short *>(list);
            for (int link = 1; link <= size; link++) {
                if (!visited.add(list[link]))
                    continue;
                work.fresh.push_back(list[link]);
                const char *vector = graph.getDataByInternalId(list[link]);
                for (size_t line = 0; line < lines; line++)
                    __builtin_prefetch(vector + 64 * line);
            }
        }
        for (const hnswlib::tableint element : work.fresh) {
            distance = distance_to(graph, query, element);
            if (work.reached.size() >= breadth && distance >= bound)
                continue;
            work.open.emplace_back(distance, element);
            std::push_heap(work.open.begin(), work.open.end(), farther);
            __builtin_prefetch(graph.get_linklist0(work.open.front().second));
            if (graph.num_deleted_ && graph.isMarkedDeleted(element))
                continue;
            work.reached.emplace_back(distance, element);
            std::push_heap(work.reached.begin(), work.reached.end(), closer);
            if (work.reached.size() > breadth) {
                std::pop_heap(work.reached.begin(), work.reached.end(), closer);
                work.reached.pop_back();
            }
            bound = work.reached.front().first;
        }
    }
}

using Queue = std::priority_queue<Candidate, std::vector<Candidate>, Graph::CompareByFirst>;

/// Adds an announced element, whose label is its place, on levels 0 to `level`.
inline void insert(Graph &graph, const float *vector, hnswlib::tableint place, int level, bool shared)
{
    const Lock own = lists_of(graph, place, shared);
    // Held to the end by whoever raises the top.
    Lock top = shared ? Lock(graph.global) : Lock();
    const int top_level = graph.maxlevel_;
    const hnswlib::tableint entry = graph.enterpoint_node_;
    if (shared && level <= top_level)
        top.unlock();
    std::memset(graph.data_level0_memory_ + place * graph.size_data_per_element_, 0, graph.size_data_per_element_);
    graph.setExternalLabel(place, place);
    std::memcpy(graph.getDataByInternalId(place), vector, graph.data_size_);
    if (level > 0) {
        const size_t size = graph.size_links_per_element_ * level;
        // As in index.hpp: four bytes are read past the last list.
        graph.linkLists_[place] = static_cast<char *>(std::calloc(size + 4, 1));
        if (graph.linkLists_[place] == nullptr)
            throw std::bad_alloc();
        graph.element_levels_[place] = level;
    }
    if (top_level >= 0) {
        thread_local Workspace work;
        hnswlib::tableint here = descend(graph, entry, vector, top_level, level, shared);
        for (int floor = std::min(level, top_level); floor >= 0; floor--) {
            spread(graph, here, vector, graph.ef_construction_, floor, shared, work);
            Queue nearest(Graph::CompareByFirst(), work.reached);
            here = graph.mutuallyConnectNewElement(vector, place, nearest, floor, false);
        }
    }
    if (level > top_level) {
        graph.enterpoint_node_ = place;
        graph.maxlevel_ = level;
    }
}

} // namespace chnsw
