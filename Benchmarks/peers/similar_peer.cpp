// Bare hnswlib as a C++ program would use it, compiled for this very machine.
// Usage: similar_peer bodies INDEX DIMENSION COUNT K FILE                       writes bodies of requests, one a line
//        similar_peer search INDEX DIMENSION K EF THREADS SECONDS FILE          prints searches a second, p50 and p99 in ms
// Queries are vectors of the index with a little noise, all different; both sides are asked with those of the same file.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>
#include <hnswlib/hnswlib.h>

using Index = hnswlib::HierarchicalNSW<float>;

static void write_bodies(const Index &index, size_t dimension, size_t count, const char *k, const char *path)
{
    std::mt19937 random(7);
    std::uniform_int_distribution<size_t> element(0, index.cur_element_count - 1);
    std::normal_distribution<float> noise(0, 0.01f);
    std::ofstream file(path);
    char number[32];
    for (size_t query = 0; query < count; query++) {
        const float *vector = reinterpret_cast<const float *>(index.getDataByInternalId(element(random)));
        file << "{\"parts\":[{\"vector\":[";
        for (size_t slot = 0; slot < dimension; slot++) {
            std::snprintf(number, sizeof number, "%s%.6g", slot ? "," : "", vector[slot] + noise(random));
            file << number;
        }
        file << "]}],\"neighbours\":" << k << "}\n";
    }
}

static std::vector<float> queries(const char *path, size_t dimension)
{
    std::ifstream file(path);
    std::vector<float> result;
    for (std::string line; std::getline(file, line);) {
        const char *at = std::strchr(line.c_str() + 2, '[');
        at = std::strchr(at + 1, '[') + 1;
        for (size_t slot = 0; slot < dimension; slot++) {
            char *end;
            result.push_back(std::strtof(at, &end));
            at = end + 1;
        }
    }
    return result;
}

int main(int count, char **arguments)
{
    if (count < 7)
        return 64;
    const size_t dimension = std::strtoul(arguments[3], nullptr, 10);
    hnswlib::L2Space space(dimension);
    Index index(&space, arguments[2]);
    if (std::strcmp(arguments[1], "bodies") == 0) {
        write_bodies(index, dimension, std::strtoul(arguments[4], nullptr, 10), arguments[5], arguments[6]);
        return 0;
    }
    const size_t k = std::strtoul(arguments[4], nullptr, 10);
    index.setEf(std::strtoul(arguments[5], nullptr, 10));
    const int threads = std::atoi(arguments[6]);
    const double seconds = std::atof(arguments[7]);
    const std::vector<float> asked = queries(arguments[8], dimension);
    const size_t rows = asked.size() / dimension;
    std::vector<std::vector<float>> times(threads);
    std::atomic<size_t> next{0}, sum{0};
    const auto start = std::chrono::steady_clock::now();
    auto work = [&](int worker) {
        for (;;) {
            const auto began = std::chrono::steady_clock::now();
            if (std::chrono::duration<double>(began - start).count() > seconds)
                return;
            sum += index.searchKnn(asked.data() + (next++ % rows) * dimension, k).size();
            times[worker].push_back(std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - began).count());
        }
    };
    std::vector<std::thread> all;
    for (int worker = 0; worker < threads; worker++)
        all.emplace_back(work, worker);
    for (auto &thread : all)
        thread.join();
    std::vector<float> merged;
    for (auto &part : times)
        merged.insert(merged.end(), part.begin(), part.end());
    std::sort(merged.begin(), merged.end());
    std::printf("%.0f %.3f %.3f\n", merged.size() / seconds, merged[merged.size() / 2], merged[merged.size() * 99 / 100]);
    return sum > 0 ? 0 : 1;
}
