// AMX kernels: 16 pixels times 16 outputs times 64 inputs per instruction. The rest is AVX-512 VNNI: depthwise
// layers, the last pixels, and how sums become results. Weights lie as VNNI has them.
#include "intnet_kernels.hpp"

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "intnet_avx512.hpp"

#define PAUCA_AMX __attribute__((target("amx-tile,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

namespace pauca::intnet {

namespace {

using namespace avx512;

constexpr std::size_t kPixels = 16;
constexpr std::uint32_t kSteps = 16;  // groups of four inputs in a tile register

// Registers 0..3 hold sums, 4 and 5 pixels, 6 and 7 weights; 5 and 7 are for what is left of the inputs.
struct alignas(64) Configuration {
    std::uint8_t palette = 1, start = 0, reserved[14] = {};
    std::uint16_t bytes[16] = {};
    std::uint8_t rows[16] = {};

    explicit Configuration(std::uint32_t rest) {
        for (int i = 0; i < 8; ++i) bytes[i] = 64, rows[i] = 16;
        bytes[5] = static_cast<std::uint16_t>(4 * (rest > 0 ? rest : kSteps));
        rows[7] = static_cast<std::uint8_t>(rest > 0 ? rest : kSteps);
    }
};

// The sums of 16 pixels and NV registers of outputs.
template <int NV>
PAUCA_AMX void sum_block(const Place& at, const std::uint8_t* in, std::size_t stride, std::int32_t* sums) {
    const std::int32_t* bias = at.layer.bias.data() + at.tile.base;
    const std::uint8_t* w = at.layer.weights.data() + at.tile.weights;
    const auto step = static_cast<std::ptrdiff_t>(stride);
    constexpr std::ptrdiff_t kRow = 64 * NV;
    _tile_loadd(0, bias, 0);  // one row for all pixels
    if constexpr (NV > 1) _tile_loadd(1, bias + 16, 0);
    if constexpr (NV > 2) _tile_loadd(2, bias + 32, 0);
    if constexpr (NV > 3) _tile_loadd(3, bias + 48, 0);
    for (std::uint32_t k = 0; k < at.layer.steps / kSteps; ++k, in += 4 * kSteps, w += kSteps * kRow) {
        _tile_loadd(4, in, step);
        _tile_loadd(6, w, kRow);
        _tile_dpbusd(0, 4, 6);
        if constexpr (NV > 1) {
            _tile_loadd(6, w + 64, kRow);
            _tile_dpbusd(1, 4, 6);
        }
        if constexpr (NV > 2) {
            _tile_loadd(6, w + 128, kRow);
            _tile_dpbusd(2, 4, 6);
        }
        if constexpr (NV > 3) {
            _tile_loadd(6, w + 192, kRow);
            _tile_dpbusd(3, 4, 6);
        }
    }
    if (at.layer.steps % kSteps != 0) {
        _tile_loadd(5, in, step);
        _tile_loadd(7, w, kRow);
        _tile_dpbusd(0, 5, 7);
        if constexpr (NV > 1) {
            _tile_loadd(7, w + 64, kRow);
            _tile_dpbusd(1, 5, 7);
        }
        if constexpr (NV > 2) {
            _tile_loadd(7, w + 128, kRow);
            _tile_dpbusd(2, 5, 7);
        }
        if constexpr (NV > 3) {
            _tile_loadd(7, w + 192, kRow);
            _tile_dpbusd(3, 5, 7);
        }
    }
    _tile_stored(0, sums, kRow);
    if constexpr (NV > 1) _tile_stored(1, sums + 16, kRow);
    if constexpr (NV > 2) _tile_stored(2, sums + 32, kRow);
    if constexpr (NV > 3) _tile_stored(3, sums + 48, kRow);
}

template <int NV>
PAUCA_AMX void blocks(const Place& at, const std::uint8_t* x, std::size_t stride, std::size_t pixels) {
    alignas(64) std::int32_t sums[kPixels * 16 * NV];
    for (std::size_t pixel = 0; pixel < pixels; pixel += kPixels) {
        sum_block<NV>(at, x + pixel * stride, stride, sums);
        for (std::size_t p = 0; p < kPixels; ++p) {
            __m512i sum[NV];
            for (int v = 0; v < NV; ++v) sum[v] = _mm512_load_si512(sums + 16 * (NV * static_cast<int>(p) + v));
            if (at.out.store == Store::s16)
                finish_wide<NV>(at, sum, pixel + p);
            else
                finish<NV>(at, sum, pixel + p);
        }
    }
}

PAUCA_AMX void pointwise(const PackedLayer& layer, const std::uint8_t* x, std::size_t stride, std::size_t pixels,
                         const Output& out) {
    const std::size_t whole = pixels / kPixels * kPixels;
    if (whole > 0) {
        const Configuration configuration(layer.steps % kSteps);
        _tile_loadconfig(&configuration);
        for (const Tile& tile : layer.tiles) {
            const Place at{layer, tile, out, ~__mmask64{0} >> (64 - tile.columns)};
            switch (tile.vectors) {
                case 1: blocks<1>(at, x, stride, whole); break;
                case 2: blocks<2>(at, x, stride, whole); break;
                case 3: blocks<3>(at, x, stride, whole); break;
                default: blocks<4>(at, x, stride, whole); break;
            }
        }
        _tile_release();  // or every change of threads would save the registers
    }
    if (whole == pixels) return;
    Output rest = out;
    rest.data = static_cast<std::uint8_t*>(out.data) + whole * out.stride;
    if (out.residual != nullptr) rest.residual += whole * out.residual_stride;
    vnni_kernels().pointwise(layer, x + whole * stride, stride, pixels - whole, rest);
}

}  // namespace

bool amx_available() {
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // arch_prctl(2): ARCH_REQ_XCOMP_PERM
    constexpr unsigned kTile = 1u << 24, kInt8 = 1u << 25;
    static const bool available = [] {
        unsigned a = 0, b = 0, c = 0, d = 0;
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kTile) == 0 || (d & kInt8) == 0) return false;
        return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;  // also says what the system knows
    }();
    return available;
}

const KernelSet& amx_kernels() {
    static const KernelSet set = [] {
        KernelSet kernels = vnni_kernels();
        kernels.pointwise = pointwise;
        return kernels;
    }();
    return set;
}

}  // namespace pauca::intnet

#else

namespace pauca::intnet {
bool amx_available() { return false; }
const KernelSet& amx_kernels() { return vnni_kernels(); }
}  // namespace pauca::intnet

#endif
