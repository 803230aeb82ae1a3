#include "chnsw.h"

// In a file of its own, compiled for any processor: it must run where the rest of the library cannot.
int chnsw_processor_fits(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi")
        && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
#else
    return 1;
#endif
}
