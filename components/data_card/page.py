"""Statistics, drawings and samples -> the card's page. All markup is in templates/; equal inputs give equal bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from components.common import pages
from components.common.gates import Finding
from components.common.pages import formatting
from components.data_card.data import BalanceSummary, QuarantinedFile, ScoreLimit
from components.data_card.drift import Drift
from components.data_card.flow_chart import BAR, flow_chart
from components.data_card.histogram import FLOOR, HEIGHT, LEFT, WIDTH, histogram
from components.data_card.samples import OutcomeSheet
from components.data_card.statistics import ArrivedAndKept, Statistics
from components.filter.balance import Share

TEMPLATES = Path(__file__).parent / "templates"
ROWS = 8  # of a column; the rest are summed
LICENSE_RULE = "license"  # of the filter
NEARLY = 1.01  # as much above a limit counts as on it
CONCEPTS = 16  # of a kind; what is less frequent is hardly ever weighted down


Outcome = Literal["pass", "fail", "off"]


@dataclass(frozen=True)
class CardVerdict:
    """Outcome of a check of the card, and its reason as text."""

    outcome: Outcome
    text: str


@dataclass(frozen=True)
class ShareRow:
    """A value of a column: clips that arrived, and those that are kept, with their share of what is kept."""

    value: str
    arrived: int
    kept: int
    share: float


@dataclass(frozen=True)
class BalancePanel:
    """The most frequent concepts, or labels of an attribute, their number, and those above their limit.

    Some are above it where too few other clips can be drawn.
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
    """Findings of Great Expectations about one folder of clips."""

    name: str
    rows: int
    findings: tuple[Finding, ...]


def render(
    statistics: Statistics,
    *,
    splits: Mapping[str, Mapping[str, int]],
    guessed_languages: int,
    bounds: Sequence[ScoreLimit],
    balance: BalanceSummary,
    quarantine: Sequence[QuarantineGroup],
    sheets: Sequence[OutcomeSheet],
    boundaries: Sequence[GateReport],
    drifts: Sequence[Drift] | None,
    max_drift: float,
) -> str:
    """Return the card as HTML; `drifts` is None if there is no accepted card."""
    environment = pages.environment(TEMPLATES)
    environment.filters["rows"] = rows
    return environment.get_template("card.html.jinja").render(
        run_facts=pages.RUN_FACTS,
        verdict=drift_verdict(drifts, max_drift),
        license=license_verdict(statistics),
        splits=splits,
        guessed_languages=guessed_languages,
        statistics=statistics,
        flow_chart=flow_chart(statistics.files, statistics.clips, statistics.shares["split"].kept),
        bar=BAR,
        histograms=[histogram(score, bins, bounds) for score, bins in statistics.scores.items()],
        balance=balance,
        balanced=balanced(balance),
        frame={"width": WIDTH, "height": HEIGHT, "floor": FLOOR, "left": LEFT},
        quarantine=quarantine,
        sheets=sheets,
        boundaries=boundaries,
        drifts=drifts,
        max_drift=max_drift,
    )


def drift_verdict(drifts: Sequence[Drift] | None, max_drift: float) -> CardVerdict:
    """Return the outcome of the gate on drift."""
    if drifts is None:
        return CardVerdict("off", "no accepted card: gate off")
    if broken := [drift.column for drift in drifts if drift.breaks(max_drift)]:
        return CardVerdict("fail", f"{formatting.listed(broken)} drifted too far from the accepted card")
    return CardVerdict("pass", f"no column drifted further than {max_drift:g} from the accepted card")


def license_verdict(statistics: Statistics) -> CardVerdict:
    """Return the outcome of the filter's rule on licenses, with the licenses of the kept clips."""
    kept = statistics.shares["license"].kept
    named = [license for license in kept if license]
    if LICENSE_RULE not in statistics.rules_off:
        return CardVerdict("pass", f"all kept clips have an allowed license: {formatting.listed(named)}")
    unknown = kept.get("", 0)
    found = f"; {formatting.number(unknown)} of {formatting.number(statistics.clips.kept)} kept clips name no license"
    return CardVerdict("off", f"not checked: the filter has no list of allowed licenses{found if unknown else ''}")


def rows(counts: ArrivedAndKept) -> list[ShareRow]:
    """Return the values of a column, the most frequent of the kept clips first."""
    total = sum(counts.kept.values()) or 1
    values = sorted({*counts.arrived, *counts.kept}, key=lambda value: (-counts.kept.get(value, 0), value))
    found = [_row(value, [value], counts, total) for value in values[:ROWS]]
    if len(values) > ROWS:
        found.append(_row(f"{len(values) - ROWS} more", values[ROWS:], counts, total))
    return found


def balanced(balance: BalanceSummary) -> list[BalancePanel]:
    """Return the kinds that draws are balanced over."""
    kinds = dict.fromkeys(share.of for share in balance.shares if balance.limits[share.of] is not None)
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
