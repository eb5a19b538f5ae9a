# SPDX-License-Identifier: Apache-2.0
"""How far a result may be from ONNX Runtime's fp32: derived from the number formats, not fitted.

U = 2^-8 is bfloat16's unit roundoff (8 significant bits): |bf16(x) - x| <= U |x|.

With --fast-math none only the operands of products are rounded. A dot product of rounded
operands is off by at most ((1 + U)^2 - 1) sum |w||x|; the sum is what the operator gives
for the absolute values of its inputs, so ONNX Runtime itself computes the bound. fp32 accumulation
adds K 2^-24 of the same sum on each side.

With --fast-math all every tensor between operators is bfloat16 as well: the inputs
are rounded, and the result may be.

The chip's functions are polynomials; their largest errors against exact ones are
7e-8 relative for exp and 5e-7 absolute for erf, tanh, sigmoid and GELU (docs/isa.md).
"""
import numpy as np

U = 2.0 ** -8
PRODUCT = (1 + U) ** 2 - 1 + 2.0 ** -12     # 2^-12: fp32 accumulation of up to 2048 terms, both sides
FUNCTION_RELATIVE, FUNCTION_ABSOLUTE = 2e-6, 1e-6
TINY = 1e-37    # results below the smallest normal number are flushed to 0


def moved(mode, reference, inputs, evaluate):
    """Data movement and selection: exact, but for the rounding of what passes."""
    return {name: (U if mode == "all" else 0.0) * np.abs(y) + TINY for name, y in reference.items()}


def pointwise(mode, reference, inputs, evaluate):
    """Elementwise functions of any number of inputs: the function's own error, and in mode
    "all" how far it moves when each input moves by its rounding, taken one input at a time."""
    bound = {n: FUNCTION_RELATIVE * np.abs(y) + FUNCTION_ABSOLUTE for n, y in reference.items()}
    if mode != "all":
        return bound
    for name, x in inputs.items():
        worst = {n: np.zeros_like(y) for n, y in reference.items()}
        for sign in (1, -1):
            shifted = dict(inputs, **{name: (x * (1 + sign * U)).astype(x.dtype)})
            for n, y in evaluate(shifted).items():
                worst[n] = np.maximum(worst[n], np.abs(y - reference[n]))
        for n in bound:
            # 1.05: second-order terms of a function over an interval of relative width 2 U
            bound[n] = bound[n] + 1.05 * worst[n]
    return {n: b + U * (np.abs(reference[n]) + b) for n, b in bound.items()}


def linear(mode, reference, inputs, evaluate):
    """Sums of products: PRODUCT times the operator on absolute values."""
    magnitude = evaluate("absolute")
    extra = U if mode == "all" else 0.0
    return {n: PRODUCT * (1 + extra) * magnitude[n] + extra * np.abs(y) + extra * magnitude[n] * U + FUNCTION_ABSOLUTE
            for n, y in reference.items()}


def averaged(mode, reference, inputs, evaluate):
    """Sums without products on the PE: only the inputs' rounding, and fp32's own."""
    magnitude = evaluate("absolute")
    share = 2 * U if mode == "all" else 2.0 ** -18
    return {n: share * magnitude[n] + (U if mode == "all" else 0) * np.abs(y) + FUNCTION_ABSOLUTE
            for n, y in reference.items()}


def softmax(mode, reference, inputs, evaluate):
    """exp(x - max): an input error of e changes each result by a factor of at most exp(2 e)."""
    peak = max(float(np.max(np.abs(x))) for x in inputs.values())
    factor = np.expm1(2 * U * peak) + U if mode == "all" else 1e-5
    return {n: factor * np.abs(y) + (U * U if mode == "all" else 1e-6) for n, y in reference.items()}


def chain(rounds):
    """Networks of @rounds layers that round. The worst case over all roundings is far from what
    independent roundings do, so the bound is six standard deviations of the output when
    each weight and input moves by a random rounding, sampled by ONNX Runtime, times
    sqrt(rounds) for the roundings between layers; and the result's own rounding."""
    def bound(mode, reference, inputs, evaluate):
        samples = [evaluate("perturbed") for _ in range(8)]
        return {n: 6 * np.sqrt(rounds * (2 if mode == "all" else 1)
                               * np.mean([np.mean((s[n] - y) ** 2) for s in samples]))
                + (U if mode == "all" else 0) * np.abs(y) + FUNCTION_ABSOLUTE for n, y in reference.items()}
    return bound
