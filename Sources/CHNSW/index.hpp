#pragma once

#include "chnsw.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <stdexcept>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <sys/mman.h>

// While building, hnswlib prefetches what stands behind the last link of a list, and so reads four bytes past it.
#define malloc(size) malloc((size) + 4)
#include <hnswlib/hnswlib.h>
#undef malloc

namespace chnsw {

using Graph = hnswlib::HierarchicalNSW<float>;

/// A file holds what no index can hold; the text is a clause that follows its name.
struct Damaged : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline void tell(chnsw_failure *failure, chnsw_code code, int number, const char *clause)
{
    failure->code = code;
    failure->number = number;
    std::snprintf(failure->clause, sizeof failure->clause, "%s", clause);
}

/// Runs a piece of work; every exception becomes a failure and the value given for it.
template <typename Result, typename Work>
Result guarded(chnsw_failure *failure, Result failed, Work work) noexcept
{
    try {
        return work();
    } catch (const Damaged &error) {
        tell(failure, CHNSW_DAMAGED, 0, error.what());
    } catch (const std::system_error &error) {
        tell(failure, CHNSW_SYSTEM, error.code().value(), error.what());
    } catch (const std::bad_alloc &) {
        tell(failure, CHNSW_NO_MEMORY, 0, "does not fit into memory");
    } catch (const std::exception &error) {
        // The only errors that hnswlib throws for want of memory are runtime errors with these words.
        const bool memory = std::strncmp(error.what(), "Not enough memory", 17) == 0;
        tell(failure, memory ? CHNSW_NO_MEMORY : CHNSW_REFUSED, 0, error.what());
    } catch (...) {
        tell(failure, CHNSW_REFUSED, 0, "an unknown exception");
    }
    return failed;
}

/// Asks for large pages beneath the vectors, before the first is written: a walk jumps through all of them, and each small page that
/// it meets costs a look-up of its own. What the kernel does not give is no fault.
inline void widen_pages(const Graph &graph)
{
    const uintptr_t page = 2 << 20;
    const uintptr_t start = reinterpret_cast<uintptr_t>(graph.data_level0_memory_);
    const uintptr_t first = (start + page - 1) / page * page;
    const uintptr_t last = (start + graph.max_elements_ * graph.size_data_per_element_) / page * page;
    if (first < last)
        madvise(reinterpret_cast<void *>(first), last - first, MADV_HUGEPAGE);
}

} // namespace chnsw

struct chnsw_index {
    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    std::unique_ptr<chnsw::Graph> graph;
    size_t dimension = 0;
    /// max_elements as the file says; 0 for an index that was built here.
    size_t capacity = 0;
    /// The level of each element, drawn before the building; empty after it.
    std::vector<int> levels;
};
