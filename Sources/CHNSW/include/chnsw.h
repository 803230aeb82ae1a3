#ifndef CHNSW_H
#define CHNSW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// An index of nearest neighbours: hnswlib's HierarchicalNSW over 32-bit floating point numbers.
typedef struct chnsw_index chnsw_index;

/// What went wrong; no exception of C++ leaves this library.
typedef enum {
    CHNSW_OK = 0,
    /// Not enough memory.
    CHNSW_NO_MEMORY = 1,
    /// A system call failed; `number` is its errno.
    CHNSW_SYSTEM = 2,
    /// A file holds what no index can hold.
    CHNSW_DAMAGED = 3,
    /// hnswlib refused.
    CHNSW_REFUSED = 4,
} chnsw_code;

/// A failure: its code, an errno where one belongs to it, and a clause that follows the file's or index' name.
typedef struct {
    chnsw_code code;
    int number;
    char clause[200];
} chnsw_failure;

/// The distance: squared Euclidean, or 1 - inner product. For the cosine the caller normalises.
typedef enum { CHNSW_L2 = 0, CHNSW_INNER_PRODUCT = 1 } chnsw_space;

/// The numbers of an index file's header, already checked by the caller.
typedef struct {
    uint64_t capacity, count, m, ef_construction, dimension;
    int32_t top_level;
    uint32_t entry_point;
} chnsw_header;

/// One neighbour.
typedef struct {
    uint64_t label;
    float distance;
} chnsw_neighbour;

/// 1 where this processor has every instruction that the library is compiled for; call nothing else otherwise.
int chnsw_processor_fits(void);

/// The distance function of a space, such as `l2-fma-8x4`: it tells the order of the sums; never freed.
const char *chnsw_kernel(chnsw_space space);

/// An empty index for `capacity` vectors; NULL on failure.
chnsw_index *chnsw_create(chnsw_space space, size_t dimension, size_t capacity, size_t m, size_t ef_construction,
                          size_t seed, chnsw_failure *failure);

/// Says that the elements up to `count` exist or are about to be added.
void chnsw_announce(chnsw_index *index, size_t count);

/// Adds `count` announced vectors, row after row, with the labels from `first` on; element 0 before any other.
///
/// With `shared` several threads may add different rows at once; the graph then depends on who was first.
int chnsw_add(chnsw_index *index, const float *vectors, size_t first, size_t count, int shared, chnsw_failure *failure);

/// Ends the building: gives back the memory that only building needs. From here on the index only answers.
void chnsw_seal(chnsw_index *index);

void chnsw_free(chnsw_index *index);

/// Bytes of the index' file.
uint64_t chnsw_file_size(const chnsw_index *index);

/// Writes the file that hnswlib's saveIndex would write, every write checked.
int chnsw_write(const chnsw_index *index, int file, chnsw_failure *failure);

/// Reads an index from a file whose header was checked; checks every level, link and vector; NULL on failure.
chnsw_index *chnsw_read(int file, chnsw_space space, const chnsw_header *header, chnsw_failure *failure);

/// The `k` nearest that a search of breadth `ef` finds, by distance, then label; returns how many, or -1 on failure.
///
/// Any number of threads may search one sealed index at once, each with its own breadth.
long chnsw_search(const chnsw_index *index, const float *query, size_t k, size_t ef, chnsw_neighbour *found,
                  chnsw_failure *failure);

/// The `k` nearest of all elements, by distance, then label; `admitted` (one byte an element, by place) may be NULL.
long chnsw_exact(const chnsw_index *index, const float *query, size_t k, const uint8_t *admitted,
                 chnsw_neighbour *found, chnsw_failure *failure);

/// The `k` nearest of each query among plain rows, by squared distance, then row, as ``chnsw_exact`` measures it.
///
/// `admitted` (one byte a row) and `except` (a row for each query, or -1) may be NULL. `found` has room for `k` of each query; `kept`
/// says how many there are.
void chnsw_nearest_rows(const float *rows, size_t count, size_t dimension, const uint8_t *admitted, const float *queries,
                        const int64_t *except, size_t query_count, size_t k, chnsw_neighbour *found, size_t *kept);

/// The `k` least of `sums` + `more` x `factor`, but for one place; returns how many.
size_t chnsw_nearest_sums(const float *sums, const float *more, float factor, size_t count, size_t except, size_t k,
                          chnsw_neighbour *found);

/// Adds (`column` - `value`) squared to `sums`.
void chnsw_add_squares(float *sums, const float *column, float value, size_t count);

/// Adds `more` x `factor` to `sums`.
void chnsw_add_scaled(float *sums, const float *more, float factor, size_t count);

size_t chnsw_count(const chnsw_index *index);
/// Elements that are marked as deleted; they are never found.
size_t chnsw_deleted(const chnsw_index *index);
uint64_t chnsw_label(const chnsw_index *index, size_t place);
/// The vector at a place, valid while the index lives.
const float *chnsw_vector(const chnsw_index *index, size_t place);
/// Bytes of memory that the index holds.
uint64_t chnsw_memory(const chnsw_index *index);

#ifdef __cplusplus
}
#endif

#endif
