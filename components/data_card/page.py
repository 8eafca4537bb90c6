"""Statistics, drawings and samples -> the card. All markup is in templates/; equal inputs give equal bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.common import pages
from components.common.gates import Finding
from components.data_card.data import BalanceSummary, QuarantinedFile, ScoreLimit
from components.data_card.drift import Drift
from components.data_card.flow_chart import BAR, flow_chart
from components.data_card.histogram import FLOOR, HEIGHT, WIDTH, histogram
from components.data_card.samples import OutcomeSheet
from components.data_card.statistics import ArrivedAndKept, Statistics
from components.filter.balance import Share

TEMPLATES = Path(__file__).parent / "templates"
ROWS = 8  # of a column; the rest are summed
NEARLY = 1.01  # as much above a limit counts as on it
CONCEPTS = 16  # of a kind; what is less frequent is hardly ever weighted down


@dataclass(frozen=True)
class ShareRow:
    """A value of a column: clips that arrived, and those that are kept, with their share of what is kept."""

    value: str
    arrived: int
    kept: int
    share: float


@dataclass(frozen=True)
class BalancePanel:
    """The most frequent concepts, or labels of an attribute, how many there are, and how many have more than they may.

    Where too little else is there to be drawn, some do.
    """

    of: str
    total: int
    shown: tuple[Share, ...]
    limit: float | None
    above: frozenset[str]


@dataclass(frozen=True)
class QuarantineGroup:
    """Files left out for one reason, some of them by name."""

    reason: str
    total: int
    shown: tuple[QuarantinedFile, ...]


@dataclass(frozen=True)
class GateReport:
    """What Great Expectations said of one folder of clips."""

    name: str
    rows: int
    findings: tuple[Finding, ...]


def render(
    statistics: Statistics,
    *,
    bounds: Sequence[ScoreLimit],
    balance: BalanceSummary,
    quarantine: Sequence[QuarantineGroup],
    sheets: Sequence[OutcomeSheet],
    boundaries: Sequence[GateReport],
    drifts: Sequence[Drift] | None,
    max_drift: float,
) -> str:
    """Write the card as HTML; `drifts` is None if there is no reference."""
    environment = pages.environment(TEMPLATES)
    environment.filters["rows"] = rows
    return environment.get_template("card.html.jinja").render(
        statistics=statistics,
        flow_chart=flow_chart(statistics.files, statistics.clips, statistics.shares["split"].kept),
        bar=BAR,
        histograms=[histogram(score, bins, bounds) for score, bins in statistics.scores.items()],
        balance=balance,
        balanced=balanced(balance),
        frame={"width": WIDTH, "height": HEIGHT, "floor": FLOOR},
        quarantine=quarantine,
        sheets=sheets,
        boundaries=boundaries,
        drifts=drifts,
        max_drift=max_drift,
    )


def rows(counts: ArrivedAndKept) -> list[ShareRow]:
    """Values of a column, those first of which most is kept."""
    total = sum(counts.kept.values()) or 1
    values = sorted({*counts.arrived, *counts.kept}, key=lambda value: (-counts.kept.get(value, 0), value))
    found = [_row(value, [value], counts, total) for value in values[:ROWS]]
    if len(values) > ROWS:
        found.append(_row(f"{len(values) - ROWS} more", values[ROWS:], counts, total))
    return found


def balanced(balance: BalanceSummary) -> list[BalancePanel]:
    """What is drawn more or less often, by kind."""
    kinds = dict.fromkeys(share.of for share in balance.shares)
    by_kind = {kind: [share for share in balance.shares if share.of == kind] for kind in kinds}
    found = []
    for kind, shares in by_kind.items():
        limit = balance.limits[kind]
        above = frozenset(share.name for share in shares if limit and share.share_after > limit * NEARLY)
        found.append(BalancePanel(kind, len(shares), tuple(shares[:CONCEPTS]), limit, above))
    return found


def _row(name: str, values: Sequence[str], counts: ArrivedAndKept, total: int) -> ShareRow:
    arrived, kept = (_sum(part, values) for part in (counts.arrived, counts.kept))
    return ShareRow(name, arrived, kept, kept / total)


def _sum(counts: Mapping[str, int], values: Sequence[str]) -> int:
    return sum(counts.get(value, 0) for value in values)
