"""What the library's functions need and the dtype decides: the numbers of the format, and polynomials.

The coefficients are those of src/_core/kernels/vmath_f32.h and vmath_f64.h, where their errors stand.
"""

from __future__ import annotations

import numpy as np

#: Of a dtype: bits of the fraction, bias of the exponent, low bits to clear so that a square is exact, least and
#: largest argument of exp, log(2) in two parts, a number of `normal`
FORMATS = {
    "float32": (23, 127, 12, "-87.5", "89.0", "0.693145751953125", "1.42860677e-06", "4.0"),
    "float64": (52, 1023, 27, "-708.5", "710.0", "0x1.62e42fefa3p-1", "2.8235290563031577e-13", "5.0"),
}
POLYNOMIALS = {
    "exp_q": {
        "float32": "1.0 0.333330452 0.0833329707 0.0167422723 0.00278722448",
        "float64": "1.0 0.33333333333333337 0.083333333333248258 0.016666666666660123 0.0027777777834427433 "
        "0.00039682539726107235 4.9603042591908752e-05 5.5114536919994128e-06 5.5240176890819492e-07 "
        "5.0200770991020641e-08",
    },
    "log_r": {
        "float32": "0.666666865 0.3998878 0.295799494",
        "float64": "0.66666666666666696 0.39999999999899505 0.28571428625975487 0.22222211134795081 "
        "0.18182889125261723 0.15331721600556042 0.14616449685043406",
    },
    "normal_q": {
        "float32": "0.755285144 -0.607896626 0.387136698 -0.186522201 0.0604068488 -0.00753252115 -0.00352976029 "
        "0.00157770922 0.000211579289 -0.000115843635",
        "float64": "0.76919304975006297 -0.66538250289005685 0.49530561596997441 -0.313533156671295 "
        "0.16502036617048951 -0.069118638706547261 0.020795066797741506 -0.0029933767681178934 "
        "-0.00079786937604969647 0.00054489905510122084 -5.9375863193697672e-05 -4.9762818944859676e-05 "
        "1.6681708019447699e-05 3.9810916716527455e-06 -2.7703674097224708e-06 -3.3735897515446004e-07 "
        "4.3455551452017027e-07 4.3658784470803284e-08 -6.6806083949307602e-08 -1.0608696930107922e-08 "
        "7.6871429269420853e-09 2.2432847650742764e-09",
    },
    "erf_p": {
        "float32": "0.128379121 -0.376123428 0.112803169 -0.0267150551 0.00492176181 -0.000564805989",
        "float64": "0.12837916709551257 -0.37612638903183543 0.11283791670945006 -0.02686617064323777 "
        "0.0052239776071164225 -0.00085483259753896918 0.00012055294904839707 -1.4924736907419661e-05 "
        "1.6447424703317362e-06 -1.6208483801871705e-07 1.3720064546777686e-08 -7.7958988270021425e-10",
    },
}


def pieces(dtype: str) -> list[str]:
    """Definitions in C, one each, in the words of the library."""
    real = np.dtype(dtype).type
    word = np.uint32 if dtype == "float32" else np.uint64
    fraction, bias, head, least, most, high, low, normal = FORMATS[dtype]
    bits, magic = real().itemsize * 8, 1.5 * 2.0**fraction
    scale = np.float64(1.0507009873554805)
    words = {
        "SIGN": 1 << (bits - 1),
        "FRACTIONS": (1 << fraction) - 1,
        "HEAD": (1 << head) - 1,
        "ONE": int(real(1).view(word)),
        "ROOT": int((real(0.5) * real(1.4142135623730951)).view(word)),
    }
    reals = {
        "EXP_MIN": least, "EXP_MAX": most, "LN2_HI": high, "LN2_LO": low, "NORMAL_K": normal, "BIAS": f"{bias}.0",
        "LOG2E": "1.4426950408889634", "MAGIC": repr(magic), "EXP_MAGIC": repr(magic + bias - 1),
        "TINY": repr(0.5 / 2.0**fraction), "LOG1P_HUGE": repr(4 * 2.0**fraction),
        "SELU": repr(float(real(scale))), "SELU_BELOW": repr(float(real(scale * 1.6732632423543772))),
    }  # fmt: skip
    return [
        f"#define pd_FRACTION {fraction}",
        f"#define pd_LANES {32 * 8 // bits}",
        "#define pd_INFINITY ((real)INFINITY)",
        *(f"#define pd_{name} ((word)0x{value:x}U{'L' * 2 * (bits == 64)})" for name, value in words.items()),
        *(f"#define pd_{name} R({value})" for name, value in reals.items()),
        *(_polynomial(name, by_dtype[dtype].split()) for name, by_dtype in POLYNOMIALS.items()),
    ]


def _polynomial(name: str, coefficients: list[str]) -> str:
    steps = "".join(f"    p = FMA(p, x, R({c}));\n" for c in coefficients[-2::-1])
    return f"static inline real pd_{name}(real x) {{\n    real p = R({coefficients[-1]});\n{steps}    return p;\n}}"
