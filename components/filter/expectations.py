"""What must be true of kept clips before anything learns from them; checked by Great Expectations."""

from components.common.formats import Formats
from components.common.gates import Expectation
from components.ingest.expectations import clips_expectations


def kept_expectations(formats: Formats, min_side_px: int, *, may_be_nothing_new: bool = False) -> list[Expectation]:
    """Those of all clips, and the filter's own; beside what is known there may be nothing new to train on."""
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
