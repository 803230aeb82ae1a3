#pragma once

// The file of hnswlib's saveIndex, written and read with every step checked.

#include "index.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <string>
#include <unistd.h>
#include <vector>

namespace chnsw {

/// The fixed part of an index file, in bytes.
constexpr size_t header_size = 96;
/// Bit 16 of an element's first word says that it is deleted; the bits above are never set.
constexpr uint32_t deleted_bit = 1u << 16;

[[noreturn]] inline void damaged(const char *what, size_t element)
{
    throw Damaged(std::string(what) + " of element " + std::to_string(element));
}

/// Writes through a buffer; throws a system error at the first write that fails.
class Writer {
public:
    explicit Writer(int file) : file(file) { buffer.reserve(room); }

    void put(const void *bytes, size_t count)
    {
        const char *from = static_cast<const char *>(bytes);
        if (count >= room) {
            flush();
            return send(from, count);
        }
        if (buffer.size() + count > room)
            flush();
        buffer.insert(buffer.end(), from, from + count);
    }

    template <typename Number>
    void number(Number value) { put(&value, sizeof value); }

    void flush()
    {
        send(buffer.data(), buffer.size());
        buffer.clear();
    }

private:
    static constexpr size_t room = 1 << 20;
    int file;
    std::vector<char> buffer;

    void send(const char *from, size_t count)
    {
        while (count > 0) {
            const ssize_t sent = ::write(file, from, std::min<size_t>(count, 1 << 30));
            if (sent < 0 && errno == EINTR)
                continue;
            if (sent <= 0)
                throw std::system_error(sent < 0 ? errno : EIO, std::generic_category());
            from += sent;
            count -= sent;
        }
    }
};

/// Reads on through a buffer; throws `Damaged` at an early end.
class Reader {
public:
    Reader(int file, size_t offset) : file(file), offset(offset) {}

    void get(void *to, size_t count)
    {
        char *next = static_cast<char *>(to);
        while (count > 0) {
            if (used == filled)
                count >= buffer.size() ? direct(next, count) : refill();
            const size_t part = std::min(count, filled - used);
            std::memcpy(next, buffer.data() + used, part);
            used += part;
            next += part;
            count -= part;
        }
    }

private:
    int file;
    size_t offset, used = 0, filled = 0;
    std::vector<char> buffer = std::vector<char>(1 << 16);

    void direct(char *&to, size_t &count)
    {
        while (count > 0) {
            const size_t got = take(to, count);
            to += got;
            count -= got;
        }
    }

    void refill()
    {
        filled = take(buffer.data(), buffer.size());
        used = 0;
    }

    size_t take(char *to, size_t count)
    {
        while (true) {
            const ssize_t got = ::pread(file, to, std::min<size_t>(count, 1 << 30), static_cast<off_t>(offset));
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                throw std::system_error(errno, std::generic_category());
            if (got == 0)
                throw Damaged("ends too early");
            offset += got;
            return got;
        }
    }
};

inline uint64_t file_size(const Graph &graph)
{
    uint64_t bytes = header_size + graph.cur_element_count * (graph.size_data_per_element_ + sizeof(unsigned));
    for (size_t place = 0; place < graph.cur_element_count; place++)
        bytes += graph.element_levels_[place] * graph.size_links_per_element_;
    return bytes;
}

inline void write_index(const chnsw_index &index, int file)
{
    const Graph &graph = *index.graph;
    Writer out(file);
    out.number(graph.offsetLevel0_);
    out.number(std::max(index.capacity, graph.max_elements_));
    out.number(graph.cur_element_count);
    out.number(graph.size_data_per_element_);
    out.number(graph.label_offset_);
    out.number(graph.offsetData_);
    out.number(graph.maxlevel_);
    out.number(graph.enterpoint_node_);
    out.number(graph.maxM_);
    out.number(graph.maxM0_);
    out.number(graph.M_);
    out.number(graph.mult_);
    out.number(graph.ef_construction_);
    out.put(graph.data_level0_memory_, graph.cur_element_count * graph.size_data_per_element_);
    for (size_t place = 0; place < graph.cur_element_count; place++) {
        const unsigned size = graph.element_levels_[place] * graph.size_links_per_element_;
        out.number(size);
        if (size > 0)
            out.put(graph.linkLists_[place], size);
    }
    out.flush();
}

/// Throws unless a list has at most `most` links, all to other elements that stand on this level.
inline void check_list(const Graph &graph, size_t element, int level, size_t most)
{
    const hnswlib::linklistsizeint *list = graph.get_linklist_at_level(element, level);
    const uint32_t size = list[0] & 0xffff;
    // Whoever updates a deleted element marks its lowest level only.
    if ((list[0] & ~(level == 0 ? 0xffff | deleted_bit : 0xffffu)) != 0 || size > most)
        damaged("claims an impossible number of links", element);
    for (uint32_t link = 1; link <= size; link++) {
        if (list[link] >= graph.cur_element_count)
            damaged("names an element that is not there in a link", element);
        if (graph.element_levels_[list[link]] < level)
            damaged("names an element of a lower level in a link", element);
    }
}

/// Throws where two elements have one label.
inline void check_labels(const Graph &graph)
{
    std::vector<uint64_t> labels(graph.cur_element_count);
    bool ascending = true;
    for (size_t place = 0; place < labels.size(); place++) {
        labels[place] = graph.getExternalLabel(place);
        if (labels[place] >= uint64_t(1) << 62)
            damaged("claims an impossible label", place);
        ascending = ascending && (place == 0 || labels[place - 1] < labels[place]);
    }
    if (ascending)
        return;
    std::sort(labels.begin(), labels.end());
    if (std::adjacent_find(labels.begin(), labels.end()) != labels.end())
        throw Damaged("gives one label to two elements");
}

/// Throws where a vector holds what is not a number or has no end: distances to it have no order.
inline void check_vectors(const Graph &graph, size_t dimension)
{
    for (size_t place = 0; place < graph.cur_element_count; place++) {
        const float *vector = reinterpret_cast<const float *>(graph.getDataByInternalId(place));
        float sum = 0;
        // Zero times a finite number is zero; times anything else it is not a number.
        for (size_t slot = 0; slot < dimension; slot++)
            sum += vector[slot] * 0.0f;
        if (!(sum == 0))
            damaged("holds no finite number in the vector", place);
    }
}

/// Fills an empty graph from a file; throws `Damaged` or a system error, and leaves a graph that can be destroyed.
inline void fill(Graph &graph, const chnsw_header &header, int file)
{
    Reader in(file, header_size);
    in.get(graph.data_level0_memory_, header.count * graph.size_data_per_element_);
    for (size_t place = 0; place < header.count; place++) {
        unsigned size = 0;
        in.get(&size, sizeof size);
        const size_t level = size / graph.size_links_per_element_;
        if (size % graph.size_links_per_element_ != 0 || static_cast<int64_t>(level) > header.top_level)
            damaged("claims an impossible level", place);
        graph.linkLists_[place] = nullptr;
        if (level > 0) {
            graph.linkLists_[place] = static_cast<char *>(std::malloc(size));
            if (graph.linkLists_[place] == nullptr)
                throw std::bad_alloc();
        }
        // The destructor frees the lists of so many elements.
        graph.element_levels_[place] = static_cast<int>(level);
        graph.cur_element_count = place + 1;
        if (level > 0)
            in.get(graph.linkLists_[place], size);
    }
    graph.maxlevel_ = header.top_level;
    graph.enterpoint_node_ = header.entry_point;
    if (header.count == 0)
        return;
    if (graph.element_levels_[header.entry_point] != header.top_level)
        throw Damaged("enters at an element that is not on the top level");
    for (size_t place = 0; place < header.count; place++) {
        for (int level = 0; level <= graph.element_levels_[place]; level++)
            check_list(graph, place, level, level == 0 ? graph.maxM0_ : graph.maxM_);
        graph.num_deleted_ += (*graph.get_linklist0(place) & deleted_bit) != 0;
    }
    check_labels(graph);
    check_vectors(graph, header.dimension);
}

} // namespace chnsw
