/* cpu.c: which instruction sets this CPU and its operating system can run, and what caches it has. Compiled for the
 * plain baseline. */
#include "pd.h"

#if defined(__x86_64__)
#include <cpuid.h>

static uint64_t read_xcr0(void) {
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return ((uint64_t)hi << 32) | lo;
}

static void read_caches(pd_cpuid *cpu, uint32_t leaf) {
    for (uint32_t i = 0, d; i < PD_CPUID_CACHES; i++) {
        __cpuid_count(leaf, i, cpu->caches[i].eax, cpu->caches[i].ebx, cpu->caches[i].ecx, d);
        (void)d;
        if ((cpu->caches[i].eax & 0x1f) == 0) return;
    }
}

/* AMD's leaf 4 is empty; 8000001D is there where this flag is set. */
static int has_topology_extensions(void) {
    uint32_t a, b, c, d;
    if (__get_cpuid_max(0x80000000, NULL) < 0x8000001d) return 0;
    __cpuid(0x80000001, a, b, c, d);
    return c >> 22 & 1;
}

pd_cpuid pd_cpu_read(void) {
    pd_cpuid cpu = {0};
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
    if (cpu.max_leaf >= 4) read_caches(&cpu, 4);
    if (cpu.caches[0].eax == 0 && has_topology_extensions()) read_caches(&cpu, 0x8000001d);
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
#if defined(PD_AVX512_BY_AVX2)
    return isas | 1u << PD_AVX512;
#endif
    if (all(cpu->xcr0, zmm) && all(cpu->ebx7, f | dq | bw | vl)) isas |= 1u << PD_AVX512;
    return isas;
}

#else /* NEON is part of the arm64 baseline; other machines run the baseline build */

pd_cpuid pd_cpu_read(void) {
    const pd_cpuid cpu = {0};
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

/* ---- caches ------------------------------------------------------------------------------------------------------ */
/* The smallest that CPUs of the last ten years have had; an L3 cannot be counted on. */
#define MODEST {{32 * 1024, 8, 64, 1}, {256 * 1024, 8, 64, 1}, {0, 1, 64, 1}}

pd_caches pd_cpu_caches(const pd_cpuid *cpu) {
    enum { DATA = 1, UNIFIED = 3, LEAST = 4096 }; /* types; fewer bytes are an emulator's fancy */
    pd_caches found = MODEST;
    pd_cache *const levels[] = {&found.l1, &found.l2, &found.l3};
    for (int i = 0; i < PD_CPUID_CACHES; i++) {
        const uint32_t eax = cpu->caches[i].eax, ebx = cpu->caches[i].ebx, type = eax & 0x1f, level = eax >> 5 & 7;
        if (type == 0) break;
        if ((type != DATA && type != UNIFIED) || level < 1 || level > 3) continue;
        const ptrdiff_t line = (ebx & 0xfff) + 1, partitions = (ebx >> 12 & 0x3ff) + 1, ways = (ebx >> 22) + 1;
        const ptrdiff_t sets = (ptrdiff_t)cpu->caches[i].ecx + 1, way = line * partitions * sets;
        if (way * ways < LEAST) continue;
        *levels[level - 1] = (pd_cache){way * ways, ways, line, (eax >> 14 & 0xfff) + 1};
    }
    return found;
}

static pd_caches in_use = MODEST;

const pd_caches *pd_caches_in_use(void) { return &in_use; }

void pd_use_caches(const pd_caches *caches) { in_use = *caches; }
