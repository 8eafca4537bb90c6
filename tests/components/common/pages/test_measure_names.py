"""Names of measures in words."""

import pytest

from components.common.pages.measure_names import measure_name, readable


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("heldout_loss.text-to-video", "Held-out loss: text to video"),
        ("psnr_db_clip_x2", "PSNR (dB) clip x2"),
        ("mel_l1", "Log-mel distance"),
        ("something_new", "Something new"),
    ],
)
def test_metrics_are_spelled_out(name: str, text: str) -> None:
    assert readable(name) == text


def test_variant_and_instrument_are_split_off() -> None:
    found = measure_name("motion_accuracy_unseen[local-judge]", "text_to_video")
    assert (found.title, found.variants, found.instrument) == (
        "Motion accuracy",
        ("unseen combinations",),
        "local-judge",
    )


@pytest.mark.parametrize(
    ("name", "task", "secondary"),
    [
        ("motion_accuracy", "text_to_video", False),
        ("motion_accuracy_unseen", "text_to_video", False),
        ("motion_accuracy_portrait", "text_to_video", True),
        ("motion_accuracy_x4", "text_to_video", True),
        ("psnr_x4", "super_resolution", False),
        ("psnr_x4_beside_true_pixels", "super_resolution", True),
    ],
)
def test_other_formats_sizes_and_baselines_are_secondary(name: str, task: str, secondary: bool) -> None:
    assert measure_name(name, task).secondary == secondary
