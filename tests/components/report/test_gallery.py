"""Samples become cards."""

from typing import Any

import pytest

from components.generate.data import Sample
from components.report.config import Config
from components.report.gallery import Gallery, evenly
from components.report.records import Answer, MediaFile


def sample(name: str, task: str = "some_task", **others: Any) -> Sample:
    plain = {"sample_id": name, "task": task, "format": "clip", "prompt": "", "clip_id": "", "seed": 0, "stage": "base"}
    plain |= {"unseen": False, "attributes": {}, "given_frames": 0, "region": "", "path": name}
    return Sample(**plain | others)


@pytest.fixture
def gallery(config: Config) -> Gallery:
    sizes = {"base": 32, "x2": 64, "x4": 128} | {f"s{number}": 32 for number in range(10)}
    media = {name: MediaFile(name, "video", px, px, audio=True) for name, px in sizes.items()}
    return Gallery(config.formats, 160, media, {"quiet": False, "loud": True}, {"s0": (Answer("color", "red", "red"),)})


def test_cards_are_picked_evenly_and_counted(gallery: Gallery) -> None:
    (group,) = gallery.sections([sample(f"s{number}") for number in range(10)], each=4)
    assert [card.sample.sample_id for card in group.cards] == ["s0", "s3", "s6", "s9"]
    assert (group.total, group.title) == (10, "Some task")
    assert [len(card.answers) for card in group.cards] == [1, 0, 0, 0]


@pytest.mark.parametrize("wanted", [1, 2, 5, 9])
def test_picking_never_repeats(wanted: int) -> None:
    picked = evenly([[sample(f"s{number}")] for number in range(9)], wanted)
    assert len({members[0].sample_id for members in picked}) == wanted


def test_base_clips_are_enlarged_and_keep_their_pixels(gallery: Gallery) -> None:
    (shown,) = gallery.card([sample("base")]).shown
    assert (shown.role, shown.width_px, shown.height_px, shown.enlarged) == ("generated", 160, 160, True)


def test_super_resolution_stands_at_its_true_size_beside_its_base(gallery: Gallery) -> None:
    rows = [sample("base"), *(sample(name, stage="super_resolution") for name in ("x4", "x2"))]
    _, group = gallery.sections(rows, each=3)
    (card,) = group.cards
    assert [(shown.role, shown.width_px, shown.enlarged) for shown in card.shown] == [
        ("base", 128, True),
        ("×2", 128, True),
        ("×4", 128, False),
    ]
    assert card.paths == ("base", "x2", "x4")


def test_a_real_clip_that_was_enlarged_stands_beside_it_at_that_size(gallery: Gallery) -> None:
    rows = [sample("base", "super_resolution", clip_id="loud")]
    rows += [sample("x4", "super_resolution", clip_id="loud", stage="super_resolution")]
    (group,) = gallery.sections(rows, each=3)
    assert [(shown.role, shown.own_width_px) for shown in group.cards[0].shown] == [
        ("base", 32),
        ("×4", 128),
        ("real", 128),
    ]


def test_what_was_given_is_shown_before_what_was_made_of_it(gallery: Gallery) -> None:
    first = gallery.card([sample("s0", "inpainting", clip_id="quiet", region="inpaint_center")])
    assert [shown.role for shown in first.shown] == ["given", "generated", "real"]
    assert [original.name for original in first.originals] == ["quiet-clip-inpaint_center.mp4", "quiet-clip.mp4"]
    then = gallery.card([sample("s0", clip_id="loud", given_frames=1)])
    assert [(shown.role, shown.kind) for shown in then.shown] == [("given", "image"), ("generated", "video")]


def test_only_a_whole_audible_clip_is_said_to_have_sound(gallery: Gallery) -> None:
    card = gallery.card([sample("s0", "inpainting", clip_id="loud", region="inpaint_center")])
    assert [shown.audio for shown in card.shown] == [False, True, True]


def test_a_clip_that_is_not_kept_is_not_shown(gallery: Gallery) -> None:
    card = gallery.card([sample("s0", "inpainting", clip_id="unknown", region="inpaint_center")])
    assert [shown.role for shown in card.shown] == ["generated"]
