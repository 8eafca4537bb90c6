"""clips + kept clips + accepted card -> the data card: a page, card.html, and its numbers, card.json.

The page is one file that holds its images. If the data drifted too far from the reference, the stage stops with
DataError; the card is then in the stage's scratch folder, to look at, and to accept if the drift is wanted.
"""

from pathlib import Path

from components.common import artifacts, gates, runtime
from components.common.errors import DataError
from components.data_card import counting, data, page, samples
from components.data_card.config import Config
from components.data_card.drift import Drift, drifts
from components.data_card.statistics import Statistics, to_json
from components.filter.expectations import kept_expectations
from components.ingest.expectations import clips_expectations

REFUSED = "refused"  # folder of the scratch folder
NAMED = 4  # of the columns that drifted, in the message; the card has all


def run(config: Config, *, clips: Path, filtered: Path, reference: Path, output: Path) -> artifacts.Summary:
    """Draw the card of both folders; raises DataError if what is kept drifted further than `max_drift`."""
    card_inputs, accepted = data.read(clips, filtered), data.read_reference(reference)
    statistics = counting.statistics(card_inputs)
    found = None if accepted is None else drifts(accepted, statistics)
    html = page.render(
        statistics,
        splits=counting.split_totals(card_inputs),
        guessed_languages=counting.guessed_languages(card_inputs),
        bounds=card_inputs.bounds,
        balance=card_inputs.balance,
        quarantine=_quarantine(config, card_inputs),
        sheets=samples.sheets(config, card_inputs),
        boundaries=_boundaries(card_inputs),
        drifts=found,
        max_drift=config.max_drift,
    )
    broken = [drift for drift in found or () if drift.breaks(config.max_drift)]
    if broken:
        refused = runtime.current().scratch / REFUSED
        refused.mkdir(parents=True, exist_ok=True)
        _write(refused, html, statistics)
        raise DataError(_explained(broken, config.max_drift, refused))
    with artifacts.fresh(output) as folder:
        _write(folder, html, statistics)
        inputs = {"clips": clips, "filtered": filtered, "reference": reference}
        counts = {"clips": statistics.clips.kept, "columns compared": len(found or ())}
        return artifacts.describe(folder, "data card", inputs=inputs, counts=counts)


def _write(folder: Path, html: str, statistics: Statistics) -> None:
    (folder / data.PAGE).write_text(html)
    artifacts.write_json(folder / data.CARD, to_json(statistics))


def _quarantine(config: Config, inputs: data.CardInputs) -> list[page.QuarantineGroup]:
    by_reason: dict[str, dict[str, data.QuarantinedFile]] = {}
    for refused in inputs.refused:
        by_reason.setdefault(refused.reason, {})[f"{refused.path}\x1f{refused.detail}"] = refused
    ordered = sorted(inputs.files.dropped.items(), key=lambda item: (-item[1], item[0]))
    return [
        page.QuarantineGroup(
            reason, count, tuple(by_reason[reason][name] for name in samples.some(config, list(by_reason[reason])))
        )
        for reason, count in ordered
    ]


def suites(inputs: data.CardInputs) -> dict[str, gates.Suite]:
    """Return the tables and expectations of the gates of ingest and filter, by name."""
    formats = inputs.kept.formats
    smallest = next(int(bound.least or 0) for bound in inputs.bounds if bound.score == "side_px")
    return {
        "clips": (inputs.arrived.table, clips_expectations(formats)),
        "kept clips": (inputs.kept.table, kept_expectations(formats, smallest)),
    }


def _boundaries(inputs: data.CardInputs) -> list[page.GateReport]:
    """Check the gates again.

    Great Expectations' own Data Docs are not part of a card: they hold the time of the run and load styles and scripts
    from a dozen places on the web. `videopoet card --data-docs` writes them.
    """
    return [
        page.GateReport(name, table.num_rows, tuple(gates.findings(table, expectations, name)))
        for name, (table, expectations) in suites(inputs).items()
    ]


def _explained(broken: list[Drift], most: float, refused: Path) -> str:
    text = "; ".join(
        f"{drift.column} {drift.index:.2f} (chance explains {drift.chance:.2f}; largest shift {drift.shift.value!r},"
        f" {drift.shift.before:.1%} → {drift.shift.after:.1%})"
        for drift in broken[:NAMED]
    )
    text += f"; and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
    return (
        f"the data drifted from the reference further than data_card.max_drift = {most:g} allows: {text}."
        f" The card is {refused / data.PAGE}; if this is what you want, `{data.ACCEPT} {refused}`"
    )
