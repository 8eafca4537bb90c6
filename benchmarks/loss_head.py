"""Claim: the loss over a segment's own rows, in chunks, costs less time and far less memory than dense logits.

    OMP_NUM_THREADS=1 python benchmarks/loss_head.py [bits]

A clip with sound at paper length: 1 280 visual and 424 audio positions, width 256, forward and backward. `dense`
scores all positions against the whole vocabulary; `sliced` each segment against its own rows (and so gives the
constrained softmax that sampling uses); `chunked` holds the logits of 160 positions at once. Each runs in a process of
its own, whose peak memory is read. `bits` is 16 unless given; the paper's codebook has 18.
"""

import json
import multiprocessing
import resource
import sys
import time

import recording

VISUAL, AUDIO_FRAMES, LEVELS, CODEBOOK, WIDTH, CHUNK, TURNS = 1280, 106, 4, 1024, 256, 160, 3


def measure(kind: str, bits: int) -> dict[str, float]:
    """Core-seconds of one forward and backward pass, and how much memory it adds."""
    import torch
    from torch.nn import functional as F

    torch.manual_seed(0)
    rows = torch.randn(256 + (1 << bits) + LEVELS * CODEBOOK, WIDTH, requires_grad=True)
    hidden = torch.randn(VISUAL + LEVELS * AUDIO_FRAMES, WIDTH, requires_grad=True)
    ranges = [(VISUAL, 256, 1 << bits)]
    ranges += [(AUDIO_FRAMES, 256 + (1 << bits) + level * CODEBOOK, CODEBOOK) for level in range(LEVELS)]
    options = torch.nn.LinearCrossEntropyOptions(chunking_method=None, batch_chunk_size=CHUNK)
    if kind == "dense":
        ranges = [(len(hidden), 0, len(rows))]

    def once() -> None:
        loss, start = torch.zeros(()), 0
        for positions, first, size in ranges:
            targets = torch.randint(size, (positions,))
            loss = loss + F.linear_cross_entropy(
                hidden[start : start + positions],
                rows[first : first + size],
                targets,
                reduction="sum",
                options=options if kind == "chunked" else None,
            )
            start += positions
        loss.backward()
        rows.grad = hidden.grad = None

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent_s = []
    for _ in range(TURNS):
        start_s = time.process_time()
        once()
        spent_s.append(time.process_time() - start_s)
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"core_seconds": round(min(spent_s), 2), "added_memory_mib": round(added / 1024)}


def main() -> None:
    """Print each way's cost, and how many times the dense one costs the chunked one."""
    bits = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    found = {}
    for kind in ("dense", "sliced", "chunked"):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[kind] = pool.apply(measure, (kind, bits))
    ratios = {name: round(found["dense"][name] / found["chunked"][name], 2) for name in found["dense"]}
    print(json.dumps(found | {"bits": bits, "dense_over_chunked": ratios}))
    rows = f"the dense softmax ÷ chunks of a modality's rows, 2^{bits} codes"
    recording.record(f"core-seconds of {rows}", ratios["core_seconds"], "×", "≥ 1")
    recording.record(f"added memory of {rows}", ratios["added_memory_mib"], "×", "> 1")


if __name__ == "__main__":
    recording.begin()
    main()
