"""Claim: no word has more of the draws than it may, whatever its share of the clips, at little cost.

    OMP_NUM_THREADS=1 python benchmarks/balance.py [CLIPS]

Writes CLIPS (300 000) captions of one to eight words and three stop words, the words as frequent as by Zipf's law
over 20 000, weighs them with the `balance` of profile `paper_8b` and with a fifth of its share, and draws a million
clips by the weights. Prints shares before, after and drawn, and times beside those of draws alike.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import recording

from components.common import params
from components.common.weighted_sampler import WeightedSampler
from components.filter import balance
from components.filter.config import Balancing, Config
from flows.graph import profiles

WORDS, MOST_WORDS, STOPWORDS, BATCH = 20_000, 8, ("a", "of", "the"), 64
PROFILES = Path(__file__).parents[1] / "profiles"


def main(clips: int) -> None:
    """Print the claim's figures."""
    read: Config = params.build("filter", "filter", profiles.read("paper_8b", PROFILES))
    captions = written(clips)
    for max_share in (read.balance.max_share, read.balance.max_share / 5):
        balanced(captions, replace(read.balance, max_share=max_share, min_clips=5))


def balanced(captions: list[str], config: Balancing) -> None:
    """Print what the weights of one choice change and cost."""
    clips, labels = len(captions), [""] * len(captions)
    began = time.process_time()
    weights_N = balance.weights(captions, labels, config)
    weighed_s = time.process_time() - began
    shares = balance.shares(captions, labels, weights_N, config)
    table_s = time.process_time() - began - weighed_s
    print(f"max_share {config.max_share:g}: {clips} clips weighed in {weighed_s / clips * 1e6:.1f} core-µs a clip,")
    print(
        f"  the table in {table_s / clips * 1e6:.1f}; effective clips {balance.effective_clips(weights_N) / clips:.3f}"
    )
    print(
        f"  weights {weights_N.min():.3f} to {weights_N.max():.2f}; largest share {shares[0].share_before:.3f} before,"
    )
    most = max(share.share_after for share in shares)
    print(f"  {most:.4f} after")
    claim = f"most frequent word's share of the draws, at most {config.max_share:g} wanted"
    recording.record(claim, most, target=f"≤ {config.max_share:g}")
    recording.record(f"cost of weighing a clip, at {config.max_share:g}", weighed_s / clips * 1e6, "core-µs")
    sampler = WeightedSampler(weights_N.astype(np.float64))
    random = np.random.default_rng(1)
    drawn = np.bincount(np.concatenate([sampler.draw(random, 10_000) for _ in range(100)]), minlength=clips)
    for rank in (1, 2, 10, 100, 1000):
        share = shares[rank - 1]
        said = [place for place, caption in enumerate(captions) if share.name in balance.words_of(caption)]
        before, after, seen = share.share_before, share.share_after, drawn[said].sum() / drawn.sum()
        print(
            f"  word {rank}: {before:.4f} of all clips, {after:.4f} by weight: {after / before:.2f}x; drawn {seen:.4f}"
        )
    alike = WeightedSampler(np.ones(clips))
    weighed, plain = (timed(lambda where=where: where.draw(random, BATCH, once=True)) for where in (sampler, alike))
    print(f"  a batch of {BATCH} by weight {weighed * 1e6:.0f} µs, alike {plain * 1e6:.0f} µs: {weighed / plain:.2f}x")
    recording.record(f"a batch of 64 drawn by weight ÷ drawn alike, at {config.max_share:g}", weighed / plain, "×")


def written(clips: int) -> list[str]:
    """Captions whose words are as frequent as by Zipf's law."""
    random = np.random.default_rng(0)
    names = np.array([f"w{''.join(chr(97 + int(digit)) for digit in str(rank))}" for rank in range(WORDS)])
    shares = 1 / np.arange(1, WORDS + 1)
    drawn = names[random.choice(WORDS, (clips, MOST_WORDS), p=shares / shares.sum())]
    counts = random.integers(1, MOST_WORDS + 1, clips)
    return [" ".join([*STOPWORDS, *words[:count]]) for words, count in zip(drawn.tolist(), counts, strict=True)]


def timed(once: Callable[[], object], times: int = 500) -> float:
    """Core-seconds of one call."""
    began = time.process_time()
    for _ in range(times):
        once()
    return (time.process_time() - began) / times


if __name__ == "__main__":
    recording.begin()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)
