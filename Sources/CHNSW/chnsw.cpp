#include "chnsw.h"

#include <algorithm>
#include <memory>
#include <vector>

// hnswlib defines functions in its headers, so one file of a program may include them: this one.
#include "index.hpp"
#include "file.hpp"
#include "look.hpp"
#include "seek.hpp"
#include "space.hpp"

namespace {

using chnsw::Graph;

/// By distance, then label.
bool nearer(const chnsw_neighbour &one, const chnsw_neighbour &other)
{
    return one.distance != other.distance ? one.distance < other.distance : one.label < other.label;
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
        chnsw::widen_pages(*index->graph);
        std::fill_n(index->graph->linkLists_, capacity, nullptr);
        // All at once, in the order of the elements: hnswlib draws each while it adds, where threads would race for them.
        index->levels.resize(capacity);
        for (int &level : index->levels)
            level = index->graph->getRandomLevel(index->graph->mult_);
        return index.release();
    });
}

void chnsw_announce(chnsw_index *index, size_t count) { index->graph->cur_element_count = count; }

int chnsw_add(chnsw_index *index, const float *vectors, size_t first, size_t count, int shared, chnsw_failure *failure)
{
    return chnsw::guarded(failure, -1, [&] {
        for (size_t row = 0; row < count; row++)
            chnsw::insert(*index->graph, vectors + row * index->dimension, first + row, index->levels[first + row],
                          shared != 0);
        return 0;
    });
}

void chnsw_seal(chnsw_index *index)
{
    std::vector<std::mutex>().swap(index->graph->link_list_locks_);
    std::vector<std::mutex>().swap(index->graph->link_list_update_locks_);
    std::vector<int>().swap(index->levels);
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
        thread_local chnsw::Ranking ranking;
        thread_local std::vector<chnsw_neighbour> neighbours;
        chnsw::rank(graph, query, std::max(ef, k), ranking);
        const size_t kept = std::min(k, ranking.count);
        // As far away as the last of them: labels decide.
        size_t reached = kept;
        while (reached < ranking.count && ranking.distances[reached] == ranking.distances[kept - 1])
            reached++;
        for (size_t place = 0; place < reached; place++)
            __builtin_prefetch(graph.getExternalLabeLp(ranking.elements[place]));
        neighbours.clear();
        for (size_t place = 0; place < reached; place++)
            neighbours.push_back({graph.getExternalLabel(ranking.elements[place]), ranking.distances[place]});
        std::sort(neighbours.begin(), neighbours.end(), nearer);
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

void chnsw_nearest_rows(const float *rows, size_t count, size_t dimension, const uint8_t *admitted, const float *queries,
                        const int64_t *except, size_t query_count, size_t k, chnsw_neighbour *found, size_t *kept)
{
    constexpr size_t most = 16;
    for (size_t first = 0; k > 0 && first < query_count; first += most) {
        const size_t some = std::min(most, query_count - first);
        chnsw::Few few[most];
        for (size_t query = 0; query < some; query++)
            few[query] = {found + (first + query) * k, k};
        chnsw::nearest_rows(rows, count, dimension, admitted, queries + first * dimension, except ? except + first : nullptr,
                            few, some);
        for (size_t query = 0; query < some; query++)
            kept[first + query] = few[query].kept;
    }
}

size_t chnsw_nearest_sums(const float *sums, const float *more, float factor, size_t count, size_t except, size_t k,
                          chnsw_neighbour *found)
{
    chnsw::Few few{found, k};
    if (k > 0)
        chnsw::nearest_sums(sums, more, factor, count, except, few);
    return few.kept;
}

void chnsw_add_squares(float *sums, const float *column, float value, size_t count)
{
    for (size_t place = 0; place < count; place++) {
        const float away = column[place] - value;
        sums[place] += away * away;
    }
}

void chnsw_add_scaled(float *sums, const float *more, float factor, size_t count)
{
    for (size_t place = 0; place < count; place++)
        sums[place] += more[place] * factor;
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
        chnsw::widen_pages(*index->graph);
        chnsw::fill(*index->graph, *header, file);
        index->capacity = header->capacity;
        chnsw_seal(index.get());
        return index.release();
    });
}

} // extern "C"
