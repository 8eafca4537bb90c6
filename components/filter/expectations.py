"""Expectations of kept clips, checked by Great Expectations before anything is trained on them."""

from components.common.formats import Formats
from components.common.gates import Expectation
from components.ingest.expectations import clips_expectations


def kept_expectations(formats: Formats, min_side_px: int, *, may_be_nothing_new: bool = False) -> list[Expectation]:
    """Return those of all clips, and the filter's own; with a baseline there may be no new training clip."""
    wanted = ["heldout"] if may_be_nothing_new else ["train", "heldout"]
    return [
        *clips_expectations(formats),
        Expectation(
            "expect_column_values_to_be_in_set",
            "split",
            "every kept clip is in training or held out",
            {"value_set": ["train", "heldout"]},
        ),
        Expectation(
            "expect_column_distinct_values_to_contain_set",
            "split",
            "there are clips to train on and clips held out (add sources, or raise filter.heldout_share)",
            {"value_set": wanted},
        ),
        Expectation(
            "expect_column_values_to_be_between",
            "width_px",
            "no kept clip is too small",
            {"min_value": min_side_px},
        ),
    ]
