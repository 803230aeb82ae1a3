// Bare hnswlib as a C++ program would use it, compiled for this very machine.
// Usage: index_peer build VECTORS DIMENSION M EF_CONSTRUCTION SEED      prints vectors a second
//        index_peer search INDEX QUERIES DIMENSION K EF                 prints queries a second
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <unordered_map>
#include <vector>
#include <hnswlib/hnswlib.h>

static std::vector<float> numbers(const char *path)
{
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<float> result(static_cast<size_t>(file.tellg()) / sizeof(float));
    file.seekg(0);
    file.read(reinterpret_cast<char *>(result.data()), result.size() * sizeof(float));
    return result;
}

int main(int count, char **arguments)
{
    if (count != 7)
        return 64;
    const bool builds = std::strcmp(arguments[1], "build") == 0;
    const size_t dimension = std::strtoul(arguments[builds ? 3 : 4], nullptr, 10);
    const std::vector<float> vectors = numbers(arguments[builds ? 2 : 3]);
    const size_t rows = vectors.size() / dimension;
    hnswlib::L2Space space(dimension);
    const size_t first = std::strtoul(arguments[builds ? 4 : 5], nullptr, 10);
    const size_t second = std::strtoul(arguments[builds ? 5 : 6], nullptr, 10);
    size_t sum = 0;
    std::chrono::steady_clock::time_point start;
    if (builds) {
        start = std::chrono::steady_clock::now();
        hnswlib::HierarchicalNSW<float> index(&space, rows, first, second, std::strtoul(arguments[6], nullptr, 10));
        for (size_t row = 0; row < rows; row++)
            index.addPoint(vectors.data() + row * dimension, row);
        sum = index.cur_element_count;
    } else {
        hnswlib::HierarchicalNSW<float> index(&space, arguments[2]);
        index.setEf(second);
        for (size_t row = 0; row < rows && row < 200; row++)
            sum += index.searchKnn(vectors.data() + row * dimension, first).size();
        start = std::chrono::steady_clock::now();
        for (int round = 0; round < 4; round++)
            for (size_t row = 0; row < rows; row++)
                sum += index.searchKnn(vectors.data() + row * dimension, first).size();
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%zu\n%.3f\n", sum, (builds ? 1 : 4) * rows / seconds);
    return 0;
}
