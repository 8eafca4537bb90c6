"""Exact entropies of look-up-free codes: ours, factorised, against the dense table, in one run.

    python benchmarks/lfq_entropy.py [bits …]

The dense side is `vector_quantize_pytorch.LFQ` where it is installed, and its computation written out here where it is
not: a softmax over all 2^K codes for each vector. Each is timed forward and backward in CPU seconds on the same
vectors, in turn, and the medians are divided; values and gradients must agree, or the run fails. The table of 2^18
codes for one clip of 1 280 tokens takes 10 GB: give `18` on a machine that has them.
"""

import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import recording
import torch
from torch import Tensor

from components.visual_tokenizer import lfq

TOKENS = 1280  # one clip of 17 frames at 128×128
TEMPERATURE = 0.1
ROUNDS = 5
DIVERSITY = 1.0


def ours(z_NK: Tensor) -> Tensor:
    """One vector's entropy minus the batch's."""
    each, whole = lfq.entropies(z_NK, TEMPERATURE)
    return each - DIVERSITY * whole


def dense(z_NK: Tensor) -> Tensor:
    """The same by its definition."""
    bits = z_NK.shape[1]
    codes_KM = lfq.vectors(torch.arange(2**bits).view(1, 1, 1, -1), bits)[0, :, 0, 0]
    p_NM = (2 * z_NK @ codes_KM / TEMPERATURE).softmax(1)
    each = -(p_NM * p_NM.clamp(min=1e-30).log()).sum(1).mean()
    mean_M = p_NM.mean(0)
    return each + DIVERSITY * (mean_M * mean_M.clamp(min=1e-30).log()).sum()


def peer(bits: int) -> Callable[[Tensor], Tensor] | None:
    """The installed library's own loss; `None` where it is not installed."""
    if find_spec("vector_quantize_pytorch") is None:
        return None
    quantizer = (
        import_module("vector_quantize_pytorch")
        .LFQ(
            codebook_size=2**bits,
            dim=bits,
            entropy_loss_weight=1.0,
            diversity_gamma=DIVERSITY,
            commitment_loss_weight=0.0,
        )
        .train()
    )

    def loss(z_NK: Tensor) -> Tensor:
        found: Tensor = quantizer(z_NK[None], inv_temperature=1 / TEMPERATURE).entropy_aux_loss
        return found

    return loss


def timed(loss: Callable[[Tensor], Tensor], z_NK: Tensor) -> tuple[float, Tensor, Tensor]:
    """CPU seconds, value and gradient of one evaluation."""
    z_NK = z_NK.clone().requires_grad_()
    start_s = time.process_time()
    value = loss(z_NK)
    (gradient_NK,) = torch.autograd.grad(value, z_NK)
    return time.process_time() - start_s, value.detach(), gradient_NK


def compare(bits: int) -> str:
    """One line of the table."""
    z_NK = torch.randn(TOKENS, bits, generator=torch.Generator().manual_seed(bits))
    library = peer(bits)
    other, name = (library, "vector_quantize_pytorch") if library is not None else (dense, "dense table")
    rounds = [(timed(ours, z_NK), timed(other, z_NK)) for _ in range(ROUNDS)]
    (_, value, gradient_NK), (_, truth, true_NK) = rounds[0]
    torch.testing.assert_close(value, truth, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(gradient_NK, true_NK, atol=1e-4, rtol=1e-2)
    ours_s, other_s = (statistics.median(one[side][0] for one in rounds) for side in (0, 1))
    claim = f"core-seconds of the dense table ÷ factorized entropies, {bits} bits"
    recording.record(claim, other_s / ours_s, "×", "> 1")
    return f"{bits:>4}  {ours_s * 1e3:>10.2f}  {other_s * 1e3:>12.1f}  {other_s / ours_s:>7.0f}×  {name}"


def main() -> None:
    """Print the table for the numbers of bits on the command line, 8 to 14 without."""
    torch.set_num_threads(1)
    print(f"{TOKENS} tokens, {ROUNDS} rounds, one thread\nbits    ours, ms     other, ms    ratio  other side")
    for bits in [int(argument) for argument in sys.argv[1:]] or [8, 10, 12, 14]:
        print(compare(bits), flush=True)


if __name__ == "__main__":
    recording.begin()
    main()
