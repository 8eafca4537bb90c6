"""Claim: the gate on drift is quiet where nothing moved and still sees what did (components/data_card/drift.py).

python benchmarks/drift.py [pairs of samples, 2000]

Sources are drawn twice from one population (a score in ten bins, no two of them equally frequent), and once from one
in which every fifth source left the three lowest bins for the highest. Counted is how often two samples pass the gate's
bound of 0.25, by the index alone, which is the usual rule, and by ours, which must also be more than chance.
"""

import sys

import numpy as np
import recording

from components.data_card.drift import explained_by_chance, index

BOUND, SIZES = 0.25, (20, 50, 100, 200, 500, 2000)
POPULATION = np.arange(1, 11)[::-1] / 55
MOVED = POPULATION * np.array([1 - 0.2 / POPULATION[:3].sum()] * 3 + [1.0] * 7)
MOVED[-1] += 1 - MOVED.sum()


def passed(pairs: int, sources: int, shares: np.ndarray, seed: int) -> tuple[float, float]:
    """Share of pairs of samples that pass: by the index alone, and by the gate's rule."""
    random, alone, ours = np.random.default_rng(seed), 0, 0
    for _ in range(pairs):
        before, after = (
            {str(place): int(count) for place, count in enumerate(random.multinomial(sources, each))}
            for each in (POPULATION, shares)
        )
        found = index(before, after)
        alone += found > BOUND
        ours += found > max(BOUND, explained_by_chance(len(POPULATION), sources, sources))
    return alone / pairs, ours / pairs


def main(pairs: int = 2000) -> None:
    print(f"{pairs} pairs of samples; the index of the shift itself: {index(*_populations()):.2f}")
    print(f"{'sources':>8} {'nothing moved: alone':>21} {'ours':>7} {'a fifth moved: alone':>21} {'ours':>7}")
    found = {}
    for sources in SIZES:
        still, moved = (passed(pairs, sources, shares, sources) for shares in (POPULATION, MOVED))
        found[sources] = still, moved
        print(f"{sources:>8} {still[0]:>21.1%} {still[1]:>7.1%} {moved[0]:>21.1%} {moved[1]:>7.1%}")
    said = [100 * np.array(found[sources])[:, 1] for sources in SIZES[:4]]
    alarms, seen = np.transpose(said).tolist()
    recording.record("false alarms of the gate on drift with 20, 50, 100, 200 sources", alarms, "%")
    recording.record("drifts of a fifth of the sources that it sees with 20, 50, 100, 200", seen, "%")


def _populations() -> tuple[dict[str, int], dict[str, int]]:
    before, after = (
        {str(place): round(share * 10**6) for place, share in enumerate(shares)} for shares in (POPULATION, MOVED)
    )
    return before, after


if __name__ == "__main__":
    recording.begin()
    main(*map(int, sys.argv[1:]))
