"""Tables -> a pass, or the broken expectation in words.

Great Expectations checks; nothing of its results is kept, for they hold times and ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from components.common.errors import DataError


@dataclass(frozen=True)
class Expectation:
    """One expectation of a column: Great Expectations' name for it, and what it means in words."""

    kind: str
    column: str
    words: str
    settings: dict[str, Any] = field(default_factory=dict)


def check(table: pa.Table, expectations: Sequence[Expectation], name: str) -> None:
    """Raise DataError naming every broken expectation of the table `name`; an empty table passes."""
    if table.num_rows == 0:
        return
    import great_expectations as gx
    from great_expectations.core import ExpectationSuite
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    quiet = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    context = gx.get_context(mode="ephemeral", project_config=quiet)
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
    results = context.validation_definitions.add(definition).run(
        batch_parameters={"dataframe": table.select(columns).to_pandas()}, result_format="SUMMARY"
    )
    broken = [
        _in_words(each, result.result, table.num_rows)
        for each, result in zip(expectations, results.results, strict=True)
        if not result.success
    ]
    if broken:
        raise DataError(f"the gate of {name} is broken: {'; '.join(broken)}")


def _in_words(expectation: Expectation, result: dict[str, Any], rows: int) -> str:
    count = result.get("unexpected_count")
    examples = ", ".join(str(value) for value in result.get("partial_unexpected_list", [])[:3])
    found = f", but {count} of {rows} rows break it (such as {examples})" if count else f" ({result or 'not checked'})"
    return f"{expectation.words} [{expectation.column}]{found}"
