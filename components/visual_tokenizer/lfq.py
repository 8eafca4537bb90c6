"""Look-up-free quantization: a code is the signs of its latent vector, without a table to learn or to search.

Every bit is independent given the latent, so the distribution over all 2^K codes factorises and both entropies of the
loss are exact without ever forming a (vectors × 2^K) table. Everything here is computed in float32 at least.

Shapes: N vectors, K bits (the channel axis C of x_BCTHW in clips). Entropies are in nats. Bit k of an id is the sign
of channel k.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def signs(z_BCTHW: Tensor) -> Tensor:
    """Quantize to ±1, letting the gradient pass straight through."""
    z_BCTHW = at_least_float32(z_BCTHW)
    hard_BCTHW = torch.where(z_BCTHW > 0, 1.0, -1.0)
    return z_BCTHW + (hard_BCTHW - z_BCTHW).detach()


def ids(z_BCTHW: Tensor) -> Tensor:
    """Return the id of each vector from its signs: integers B,T,H,W in [0, 2^K)."""
    place_C = 2 ** torch.arange(z_BCTHW.shape[1], device=z_BCTHW.device)
    return ((z_BCTHW > 0) * place_C[:, None, None, None]).sum(1)


def vectors(ids_BTHW: Tensor, bits: int) -> Tensor:
    """Turn ids back into vectors of ±1, B,C,T,H,W."""
    place_C = torch.arange(bits, device=ids_BTHW.device)
    return ((ids_BTHW[:, None] >> place_C[:, None, None, None]) & 1).float() * 2 - 1


def entropies(
    z_NK: Tensor, temperature: float, mean_over_ranks: Callable[[Tensor], Tensor] = lambda mean: mean
) -> tuple[Tensor, Tensor]:
    """Exact (mean entropy of one vector's code, entropy of the code over the whole batch).

    p(code | z) is the softmax of 2 z·code / temperature over all sign vectors. The second value is the entropy of the
    *global* batch if `mean_over_ranks` averages its argument over processes; the table it averages has 2^K entries.
    """
    z_NK = at_least_float32(z_NK)
    logits_NK = 4 * z_NK / temperature
    each = (F.softplus(logits_NK) - logits_NK * logits_NK.sigmoid()).sum(1).mean()
    low_NP, high_NQ = (
        _softmax_over_signs(half, temperature) for half in z_NK.tensor_split([z_NK.shape[1] // 2], dim=1)
    )
    mean_PQ = low_NP.mT @ high_NQ / len(z_NK)
    mean_PQ = mean_PQ + (mean_over_ranks(mean_PQ.detach()) - mean_PQ.detach())
    return each, torch.special.entr(mean_PQ).sum()


def _softmax_over_signs(z_NK: Tensor, temperature: float) -> Tensor:
    bits = z_NK.shape[1]
    every_KP = vectors(torch.arange(2**bits, device=z_NK.device).view(1, 1, 1, -1), bits)[0, :, 0, 0].to(z_NK)
    return (2 * z_NK @ every_KP / temperature).softmax(1)


def commitment(z_BCTHW: Tensor) -> Tensor:
    """Return the mean squared distance of latents to their codes, which get no gradient."""
    z_BCTHW = at_least_float32(z_BCTHW)
    return F.mse_loss(z_BCTHW, signs(z_BCTHW).detach())


def annealed(weight: float, step: int, *, boost: float, boost_steps: int) -> float:
    """Return the entropy weight at `step`: `weight` · (1 + boost), falling to `weight` over `boost_steps`."""
    return weight * (1 + boost * max(0.0, 1 - step / boost_steps)) if boost_steps else weight


def at_least_float32(x: Tensor) -> Tensor:
    """Leave the low-precision region of mixed-precision training."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
