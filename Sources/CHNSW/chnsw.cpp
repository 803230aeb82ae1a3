#include "chnsw.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

// hnswlib defines functions in its headers, so one file of a program may include them: this one.
#include "index.hpp"
#include "file.hpp"
#include "space.hpp"

namespace {

using chnsw::Graph;
using Candidate = std::pair<float, hnswlib::tableint>;

bool nearer(const chnsw_neighbour &one, const chnsw_neighbour &other)
{
    return one.distance != other.distance ? one.distance < other.distance : one.label < other.label;
}

/// Downwards through the upper levels: the element of level 0 from which the search goes out.
hnswlib::tableint entrance(const Graph &graph, const float *query)
{
    hnswlib::tableint here = graph.enterpoint_node_;
    float distance = graph.fstdistfunc_(query, graph.getDataByInternalId(here), graph.dist_func_param_);
    for (int level = graph.maxlevel_; level > 0; level--) {
        bool moved = true;
        while (moved) {
            moved = false;
            const hnswlib::linklistsizeint *list = graph.get_linklist(here, level);
            int size = *reinterpret_cast<const unsigned short *>(list);
            for (int link = 1; link <= size; link++) {
                hnswlib::tableint next = list[link];
                float step = graph.fstdistfunc_(query, graph.getDataByInternalId(next), graph.dist_func_param_);
                if (step < distance) {
                    distance = step;
                    here = next;
                    moved = true;
                }
            }
        }
    }
    return here;
}

/// What a search keeps from one query to the next of its thread, so that it need not ask for memory.
struct Workspace {
    /// The nearest so far, the farthest on top.
    std::vector<Candidate> reached;
    /// Those whose links are still to be followed, the nearest on top.
    std::vector<Candidate> open;
    std::vector<hnswlib::tableint> fresh;
    std::vector<chnsw_neighbour> neighbours;
};

bool farther(const Candidate &one, const Candidate &other) { return one.first > other.first; }

bool closer(const Candidate &one, const Candidate &other) { return one.first < other.first; }

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
};

/// On the lowest level: fills `work.reached` with the nearest `breadth` that are found.
///
/// The steps are those of hnswlib's searchBaseLayerST, whose queues ask for memory at every query; the vectors of a list are
/// fetched together before the first is looked at.
void spread(const Graph &graph, hnswlib::tableint start, const float *query, size_t breadth, Workspace &work)
{
    const size_t lines = (graph.data_size_ + 63) / 64;
    Visited visited(*graph.visited_list_pool_);
    work.reached.clear();
    work.open.clear();
    visited.add(start);
    float distance = graph.fstdistfunc_(query, graph.getDataByInternalId(start), graph.dist_func_param_);
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
        const hnswlib::linklistsizeint *list = graph.get_linklist0(nearest.second);
        const int size = *reinterpret_cast<const unsigned short *>(list);
        work.fresh.clear();
        for (int link = 1; link <= size; link++) {
            if (!visited.add(list[link]))
                continue;
            work.fresh.push_back(list[link]);
            const char *vector = graph.getDataByInternalId(list[link]);
            for (size_t line = 0; line < std::min<size_t>(lines, 4); line++)
                __builtin_prefetch(vector + 64 * line);
        }
        for (const hnswlib::tableint element : work.fresh) {
            distance = graph.fstdistfunc_(query, graph.getDataByInternalId(element), graph.dist_func_param_);
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

} // namespace

extern "C" {

const char *chnsw_kernel(chnsw_space space) { return space == CHNSW_L2 ? "l2-fma-8x4" : "ip-fma-8x4"; }

chnsw_index *chnsw_create(chnsw_space space, size_t dimension, size_t capacity, size_t m, size_t ef_construction,
                          size_t seed, chnsw_failure *failure)
{
    return chnsw::guarded(failure, static_cast<chnsw_index *>(nullptr), [&] {
        auto index = std::make_unique<chnsw_index>();
        index->dimension = dimension;
        index->space = std::make_unique<chnsw::Space>(space, dimension);
        index->graph = std::make_unique<Graph>(index->space.get(), capacity, m, ef_construction, seed);
        return index.release();
    });
}

int chnsw_add(chnsw_index *index, const float *vectors, size_t first, size_t count, chnsw_failure *failure)
{
    return chnsw::guarded(failure, -1, [&] {
        for (size_t row = 0; row < count; row++)
            // Of the two overloads, the one that takes a level and answers with the place.
            index->graph->addPoint(vectors + row * index->dimension, first + row, -1);
        return 0;
    });
}

void chnsw_seal(chnsw_index *index)
{
    std::vector<std::mutex>().swap(index->graph->link_list_locks_);
    std::vector<std::mutex>().swap(index->graph->link_list_update_locks_);
    std::unordered_map<hnswlib::labeltype, hnswlib::tableint>().swap(index->graph->label_lookup_);
}

void chnsw_free(chnsw_index *index) { delete index; }

long chnsw_search(const chnsw_index *index, const float *query, size_t k, size_t ef, chnsw_neighbour *found,
                  chnsw_failure *failure)
{
    return chnsw::guarded(failure, -1L, [&]() -> long {
        const Graph &graph = *index->graph;
        if (graph.cur_element_count == 0 || k == 0)
            return 0;
        // hnswlib's searchKnn takes the breadth from a member that all threads share.
        thread_local Workspace work;
        spread(graph, entrance(graph, query), query, std::max(ef, k), work);
        auto &neighbours = work.neighbours;
        neighbours.clear();
        for (const Candidate &candidate : work.reached)
            neighbours.push_back({graph.getExternalLabel(candidate.second), candidate.first});
        const size_t kept = std::min(k, neighbours.size());
        if (kept < neighbours.size())
            std::nth_element(neighbours.begin(), neighbours.begin() + kept, neighbours.end(), nearer);
        std::sort(neighbours.begin(), neighbours.begin() + kept, nearer);
        std::copy_n(neighbours.begin(), kept, found);
        return static_cast<long>(kept);
    });
}

long chnsw_exact(const chnsw_index *index, const float *query, size_t k, const uint8_t *admitted,
                 chnsw_neighbour *found, chnsw_failure *failure)
{
    return chnsw::guarded(failure, -1L, [&]() -> long {
        const Graph &graph = *index->graph;
        size_t kept = 0;
        if (k == 0)
            return 0;
        for (size_t place = 0; place < graph.cur_element_count; place++) {
            if ((admitted && !admitted[place]) || graph.isMarkedDeleted(place))
                continue;
            const float distance = graph.fstdistfunc_(query, graph.getDataByInternalId(place), graph.dist_func_param_);
            // `found` is a heap with the farthest on top.
            if (kept == k && distance > found[0].distance)
                continue;
            const chnsw_neighbour one{graph.getExternalLabel(place), distance};
            if (kept == k) {
                if (!nearer(one, found[0]))
                    continue;
                std::pop_heap(found, found + kept, nearer);
                kept--;
            }
            found[kept++] = one;
            std::push_heap(found, found + kept, nearer);
        }
        std::sort_heap(found, found + kept, nearer);
        return static_cast<long>(kept);
    });
}

size_t chnsw_count(const chnsw_index *index) { return index->graph->cur_element_count; }

size_t chnsw_deleted(const chnsw_index *index) { return index->graph->num_deleted_; }

uint64_t chnsw_label(const chnsw_index *index, size_t place) { return index->graph->getExternalLabel(place); }

const float *chnsw_vector(const chnsw_index *index, size_t place)
{
    return reinterpret_cast<const float *>(index->graph->getDataByInternalId(place));
}

uint64_t chnsw_memory(const chnsw_index *index)
{
    const Graph &graph = *index->graph;
    uint64_t bytes = sizeof(chnsw_index) + sizeof(Graph) + graph.max_elements_ * graph.size_data_per_element_;
    bytes += graph.max_elements_ * (sizeof(char *) + sizeof(int) + sizeof(hnswlib::vl_type));
    bytes += (graph.link_list_locks_.size() + graph.link_list_update_locks_.size()) * sizeof(std::mutex);
    for (size_t place = 0; place < graph.cur_element_count; place++)
        bytes += graph.element_levels_[place] * graph.size_links_per_element_;
    return bytes;
}

uint64_t chnsw_file_size(const chnsw_index *index) { return chnsw::file_size(*index->graph); }

int chnsw_write(const chnsw_index *index, int file, chnsw_failure *failure)
{
    return chnsw::guarded(failure, -1, [&] {
        chnsw::write_index(*index, file);
        return 0;
    });
}

chnsw_index *chnsw_read(int file, chnsw_space space, const chnsw_header *header, chnsw_failure *failure)
{
    return chnsw::guarded(failure, static_cast<chnsw_index *>(nullptr), [&] {
        auto index = std::make_unique<chnsw_index>();
        index->dimension = header->dimension;
        index->space = std::make_unique<chnsw::Space>(space, header->dimension);
        // The index is sealed: room for its elements and not for those that could have come.
        index->graph = std::make_unique<Graph>(index->space.get(), std::max<uint64_t>(header->count, 1), header->m,
                                               header->ef_construction);
        chnsw::fill(*index->graph, *header, file);
        index->capacity = header->capacity;
        chnsw_seal(index.get());
        return index.release();
    });
}

} // extern "C"
