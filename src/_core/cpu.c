/* cpu.c: which instruction sets this CPU and its operating system can run. Compiled for the plain baseline. */
#include "pd.h"

#if defined(__x86_64__)
#include <cpuid.h>

static uint64_t read_xcr0(void) {
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return ((uint64_t)hi << 32) | lo;
}

pd_cpuid pd_cpu_read(void) {
    pd_cpuid cpu = {0, 0, 0, 0};
    uint32_t a, b, c, d;
    cpu.max_leaf = __get_cpuid_max(0, NULL);
    if (cpu.max_leaf >= 1) {
        __cpuid(1, a, b, c, d);
        cpu.ecx1 = c;
    }
    if (cpu.max_leaf >= 7) {
        __cpuid_count(7, 0, a, b, c, d);
        cpu.ebx7 = b;
    }
    if (cpu.ecx1 & (1u << 27)) cpu.xcr0 = read_xcr0();
    return cpu;
}

static int all(uint64_t word, uint64_t bits) { return (word & bits) == bits; }

unsigned pd_cpu_isas(const pd_cpuid *cpu) {
    const uint32_t fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28; /* CPUID.1:ECX */
    const uint32_t avx2 = 1u << 5, f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31; /* CPUID.7.0:EBX */
    const uint64_t ymm = 0x6, zmm = 0xe6; /* XCR0: the system saves these registers */
    unsigned isas = 1u << PD_BASELINE;
    if (cpu->max_leaf < 7 || !all(cpu->ecx1, osxsave | avx | fma) || !all(cpu->xcr0, ymm)) return isas;
    if (!all(cpu->ebx7, avx2)) return isas;
    isas |= 1u << PD_AVX2;
    if (all(cpu->xcr0, zmm) && all(cpu->ebx7, f | dq | bw | vl)) isas |= 1u << PD_AVX512;
    return isas;
}

#else /* NEON is part of the arm64 baseline; other machines run the baseline build */

pd_cpuid pd_cpu_read(void) {
    const pd_cpuid cpu = {0, 0, 0, 0};
    return cpu;
}

unsigned pd_cpu_isas(const pd_cpuid *cpu) {
    (void)cpu;
#if defined(__aarch64__)
    return 1u << PD_BASELINE | 1u << PD_NEON;
#else
    return 1u << PD_BASELINE;
#endif
}

#endif
