"""Tables -> a finding for each expectation, and an error if one is violated.

Great Expectations checks; only its findings are kept, because the rest of its results are times and ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.common.errors import DataError


@dataclass(frozen=True)
class Expectation:
    """One expectation of a column: Great Expectations' name for it, and its meaning as text."""

    kind: str
    column: str
    meaning: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Result of checking one expectation on a table."""

    expectation: Expectation
    holds: bool
    unexpected: int  # rows that break it; 0 for an expectation of the column as a whole
    examples: tuple[str, ...]
    problem: str  # what was found instead, "" if it holds


Suite = tuple[pa.Table, Sequence[Expectation]]  # a table, and what must be true of it


def check(table: pa.Table, expectations: Sequence[Expectation], name: str) -> None:
    """Raise DataError naming every violated expectation of the table `name`; an empty table passes."""
    broken = [finding.problem for finding in findings(table, expectations, name) if not finding.holds]
    if broken:
        raise DataError(f"the gate of {name} is broken: {'; '.join(broken)}")


def findings(table: pa.Table, expectations: Sequence[Expectation], name: str) -> list[Finding]:
    """Return a finding for each expectation, in their order; none for an empty table."""
    if table.num_rows == 0:
        return []
    results = _results(_context(), table, expectations, name)
    return [
        _finding(each, bool(result.success), result.result, table.num_rows)
        for each, result in zip(expectations, results, strict=True)
    ]


def data_docs(suites: Mapping[str, Suite], folder: Path) -> Path:
    """Write Great Expectations' own pages of several tables into `folder`; returns the first page."""
    context = _context()
    site = {"class_name": "SiteBuilder", "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"}}
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.absolute())}
    context.add_data_docs_site("gates", site | {"store_backend": store})
    for name, (table, expectations) in suites.items():
        if table.num_rows:
            _results(context, table, expectations, name)
    context.build_data_docs()
    return folder / "index.html"


def _context() -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    quiet = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=quiet)


def _results(context: Any, table: pa.Table, expectations: Sequence[Expectation], name: str) -> Sequence[Any]:
    """Great Expectations' results, in the order of the expectations; the context keeps them for its pages."""
    import great_expectations as gx
    from great_expectations.core import ExpectationSuite
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    columns = sorted({expectation.column for expectation in expectations})
    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe(name)
    suite = ExpectationSuite(
        name,
        expectations=[
            ExpectationConfiguration(type=each.kind, kwargs={"column": each.column, **each.settings})
            for each in expectations
        ],
    )
    definition = gx.ValidationDefinition(data=batch, suite=context.suites.add(suite), name=name)
    found = context.validation_definitions.add(definition).run(
        batch_parameters={"dataframe": table.select(columns).to_pandas()}, result_format="SUMMARY"
    )
    results: Sequence[Any] = found.results
    return results


def _finding(expectation: Expectation, holds: bool, result: dict[str, Any], rows: int) -> Finding:
    count = int(result.get("unexpected_count") or 0)
    examples = tuple(str(value) for value in result.get("partial_unexpected_list", [])[:3])
    problem = "" if holds else _problem(expectation, result, count, examples, rows)
    return Finding(expectation, holds, count, examples, problem)


def _problem(expectation: Expectation, result: dict[str, Any], count: int, examples: Sequence[str], rows: int) -> str:
    such = f" (such as {', '.join(examples)})"
    found = f", but {count} of {rows} rows break it{such}" if count else f" ({result or 'not checked'})"
    return f"{expectation.meaning} [{expectation.column}]{found}"
