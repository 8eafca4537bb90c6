"""The reference page names every key of params.yaml with its value in every profile."""

from pathlib import Path

import pytest

from flows.cli import parameter_reference
from flows.graph import profiles

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def page() -> str:
    return parameter_reference.markdown(ROOT)


def rows(page: str, section: str) -> dict[str, list[str]]:
    """Key -> the other cells."""
    body = page.partition(f"## `{section}`\n")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in body.splitlines() if line.startswith("| `")]
    return {key.strip("`"): others for key, *others in cells}


def test_a_section_is_a_table_with_a_column_a_profile(page: str) -> None:
    assert f"| key | type | meaning | {' | '.join(profiles.ORDER)} |" in page
    assert rows(page, "formats")["width_px"][2:] == ["`32`", "`32`", "`64`", "`128`", "`128`", "`128`"]


def test_a_value_that_differs_between_variants_is_shown_for_each(page: str) -> None:
    assert "Variants: `language_model.image_heavy`, `language_model.video_heavy`." in page
    tiny = rows(page, "language_model")["optimization.steps"][3]
    assert tiny == "image_heavy: `560`<br>video_heavy: `1740`"


def test_what_a_profile_leaves_out_is_a_dash_and_a_number_is_as_it_is_written(page: str) -> None:
    assert rows(page, "text_encoder")["train.optimization.steps"][2:] == ["`8`", "`600`", "`50000`", "–", "–", "–"]
    assert rows(page, "finetune")["training.optimization.final_learning_rate"][3] == "`2e-05`"


def test_a_bar_within_a_cell_does_not_end_it(page: str) -> None:
    assert rows(page, "text_encoder")["train"][0] == r"`section \| None`"
