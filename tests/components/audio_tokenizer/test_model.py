"""The codec is causal, cuts what is no whole frame, and gives the same codes for the same sound."""

from dataclasses import replace

import pytest
import torch

from components.audio_tokenizer.config import Architecture, Config
from components.audio_tokenizer.model import Model
from components.common.formats import Formats

PAPER = Formats(
    fps=8,
    clip_frames=17,
    long_frames=41,
    height_px=128,
    width_px=128,
    portrait_height_px=224,
    portrait_width_px=128,
    sample_rate_hz=16_000,
    text_tokens=64,
)


@pytest.fixture(name="wave_BS")
def noise(config: Config) -> torch.Tensor:
    return torch.rand(2, 10 * config.architecture.hop, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(params=[1, 2], ids=["convolution", "patches"])
def codec(request: pytest.FixtureRequest, config: Config) -> Model:
    torch.manual_seed(0)
    return Model(replace(config.architecture, patch=request.param)).eval().requires_grad_(False)


@pytest.mark.parametrize(("frames", "code_frames"), [(17, 106), (41, 256)])
def test_the_papers_clips_have_its_number_of_tokens(frames: int, code_frames: int) -> None:
    architecture = Architecture(
        patch=1,
        channels=1,
        growth=1,
        max_channels=1,
        strides=(2, 4, 5, 8),
        dilations=(1,),
        activation="elu",
        latent_width=1,
        levels=4,
        codebook_size=1024,
    )
    model = Model(architecture).eval()
    wave_BS = torch.zeros(1, PAPER.samples(frames))
    assert model.frames(wave_BS.shape[1]) == code_frames
    assert model.encode(wave_BS).shape == (1, 4, code_frames)
    assert model.encode(wave_BS).numel() == {17: 424, 41: 1024}[frames]


def test_no_latent_depends_on_a_sample_after_its_frame(codec: Model, wave_BS: torch.Tensor) -> None:
    hop = codec.config.hop
    wave_BS = wave_BS[:, : 10 * hop]
    other_BS = wave_BS.clone()
    other_BS[:, 6 * hop :] = 0.5
    before, after = codec.latent(wave_BS), codec.latent(other_BS)
    torch.testing.assert_close(before[:, :6], after[:, :6], rtol=0, atol=0)
    assert not torch.allclose(before[:, 6], after[:, 6])


def test_each_frame_hears_its_own_last_sample(codec: Model, wave_BS: torch.Tensor) -> None:
    hop = codec.config.hop
    other_BS = wave_BS.clone()
    other_BS[:, 6 * hop - 1] += 0.5
    assert not torch.equal(codec.latent(wave_BS)[:, 5], codec.latent(other_BS)[:, 5])


def test_no_sample_depends_on_a_code_after_its_frame(codec: Model) -> None:
    latent_BFD = torch.rand(1, 8, codec.config.latent_width)
    other_BFD = latent_BFD.clone()
    other_BFD[:, 5:] = 1
    before, after = codec.render(latent_BFD), codec.render(other_BFD)
    assert before.shape == (1, 8 * codec.config.hop)
    torch.testing.assert_close(before[:, : 5 * codec.config.hop], after[:, : 5 * codec.config.hop], rtol=0, atol=0)
    assert not torch.allclose(before[:, 5 * codec.config.hop :], after[:, 5 * codec.config.hop :])


def test_a_part_of_a_frame_is_cut_and_changes_nothing(model: Model, wave_BS: torch.Tensor) -> None:
    longer_BS = torch.cat([wave_BS, torch.ones(2, model.config.hop - 1)], dim=1)
    assert torch.equal(model.encode(wave_BS), model.encode(longer_BS))


def test_the_round_trip_is_the_same_every_time(model: Model, wave_BS: torch.Tensor) -> None:
    codes_BLF = model.encode(wave_BS)
    assert codes_BLF.dtype == torch.int64
    assert codes_BLF.shape == (2, 3, 10)
    assert codes_BLF.min() >= 0
    assert codes_BLF.max() < model.config.codebook_size
    assert torch.equal(codes_BLF, model.encode(wave_BS))
    assert torch.equal(model.decode(codes_BLF), model.decode(codes_BLF))
    assert model.decode(codes_BLF).shape == wave_BS.shape
    assert model.decode(codes_BLF).abs().max() <= 1


def test_a_sound_shorter_than_a_frame_has_no_codes(model: Model) -> None:
    assert model.frames(model.config.hop - 1) == 0
