from itertools import pairwise

import torch

from components.language_model.tasks import TASKS
from components.language_model.vocabulary import SPECIAL_IDS, SPECIALS, Vocabulary

PAPER = Vocabulary(codebook_bits=18, levels=4, codebook_size=1024)


def test_ranges_are_the_papers():
    assert PAPER.visual_ids == range(256, 262_400)
    assert PAPER.audio_ids == range(262_400, 266_496)
    assert PAPER.size == 266_496


def test_ranges_are_disjoint_and_leave_nothing_out():
    ranges = [range(SPECIAL_IDS), PAPER.visual_ids, *(PAPER.level_ids(level) for level in range(4))]
    assert all(left.stop == right.start for left, right in pairwise(ranges))
    assert len(set(SPECIALS.values())) == len(SPECIALS)
    assert max(SPECIALS.values()) < SPECIAL_IDS


def test_every_kind_of_output_has_one_prompt_token():
    kinds = {(t.makes_visual, t.makes_audio, t.masked, t.structure): t.token for t in TASKS.values()}
    assert len(set(kinds.values())) == len(kinds)
    assert {t.token for t in TASKS.values()} == set(kinds.values())


def test_codes_come_back_from_their_ids():
    visual = torch.randint(0, 1 << 18, (2, 3, 4, 5))
    assert torch.equal(PAPER.ids_to_visual(PAPER.visual_to_ids(visual), (3, 4, 5)), visual)
    audio = torch.randint(0, 1024, (2, 4, 7))
    assert torch.equal(PAPER.ids_to_audio(PAPER.audio_to_ids(audio)), audio)


def test_audio_is_written_level_by_level():
    ids = PAPER.audio_to_ids(torch.zeros(1, 4, 3, dtype=torch.long))[0]
    assert ids.tolist() == [PAPER.level_ids(level).start for level in range(4) for _ in range(3)]
