"""Expectations of clips, checked by Great Expectations before any later stage reads them."""

from components.common.formats import Formats
from components.common.gates import Expectation


def clips_expectations(formats: Formats) -> list[Expectation]:
    """Return the expectations of the table of clips, each with its error message."""
    return [
        Expectation("expect_column_values_to_be_unique", "clip_id", "no clip id occurs twice"),
        Expectation(
            "expect_column_values_to_match_regex", "clip_id", "a clip id is 64 hex digits", {"regex": "^[0-9a-f]{64}$"}
        ),
        Expectation(
            "expect_column_values_to_be_in_set",
            "frames",
            "a clip has the frames of one of the formats",
            {"value_set": [1, formats.clip_frames, formats.long_frames]},
        ),
        Expectation(
            "expect_column_values_to_be_in_set",
            "kind",
            "a clip is a video or an image",
            {"value_set": ["video", "image"]},
        ),
        Expectation(
            "expect_column_values_to_be_in_set",
            "audio_state",
            "audio is audible, silent or absent",
            {"value_set": ["audible", "silent", "none"]},
        ),
        Expectation(
            "expect_column_values_to_be_between",
            "motion",
            "motion is a share of the full scale",
            {"min_value": 0, "max_value": 1},
        ),
        Expectation("expect_column_values_to_be_between", "height_px", "a frame has a height", {"min_value": 1}),
        Expectation("expect_column_values_to_not_be_null", "caption", "a caption is text, empty if there is none"),
    ]
