"""The laws of the tokenizer, on random weights in double precision."""

from dataclasses import replace

import pytest
import torch

from components.visual_tokenizer.config import Architecture
from components.visual_tokenizer.inflation import inflate
from components.visual_tokenizer.layers import Memory, depth_to_space, space_to_depth
from components.visual_tokenizer.model import Model

FRAMES = 17


@pytest.fixture(params=["conv", "patch", "early"])
def model(request, architecture: Architecture, random_model) -> Model:
    match request.param:
        case "patch":
            architecture = replace(
                architecture,
                stem="patch",
                stem_px=4,
                multipliers=(1, 2, 2),
                strides_t=(2, 2),
                strides_px=(2, 1),
            )
        case "early":
            architecture = replace(architecture, strides_t=(2, 2, 1), middle_blocks=0, blocks=2)
    return random_model(architecture)


@pytest.fixture
def clip() -> torch.Tensor:
    return torch.rand(1, 3, FRAMES, 16, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_any_size_on_the_grid_goes_in_and_comes_out(model: Model):
    for frames, height_px, width_px in ((1, 16, 16), (5, 16, 24), (9, 32, 16)):
        codes = model.encode(torch.rand(2, 3, frames, height_px, width_px, dtype=torch.float64))
        assert codes.shape == (2, *model.latent(frames, height_px, width_px))
        assert codes.dtype == torch.int64
        assert 0 <= int(codes.min()) <= int(codes.max()) < 2**model.config.codebook_bits
        assert model.decoder(signs(2, 6, *codes.shape[1:])).shape == (2, 3, frames, height_px, width_px)


def test_the_first_token_frame_of_a_clip_is_the_tokens_of_its_first_frame(model: Model, clip):
    torch.testing.assert_close(model.encoder(clip)[:, :, :1], model.encoder(clip[:, :, :1]))
    assert torch.equal(model.encode(clip)[:, :1], model.encode(clip[:, :, :1]))


def test_the_first_frame_of_a_clip_is_the_picture_of_its_first_token_frame(model: Model):
    codes = signs(1, 6, 5, 2, 3)
    torch.testing.assert_close(model.decoder(codes)[:, :, :1], model.decoder(codes[:, :, :1]))


def test_a_frame_reaches_its_own_latent_frame_and_later_ones_only(model: Model, clip):
    plain = model.encoder(clip)
    for frame in range(FRAMES):
        other = clip.clone()
        other[:, :, frame] = -other[:, :, frame]
        reached = (model.encoder(other) - plain).abs().amax((0, 1, 3, 4)) > 1e-9
        assert reached.tolist() == [latent >= -(-frame // 4) for latent in range(5)], f"frame {frame}"


def test_a_latent_frame_reaches_its_own_frames_and_later_ones_only(model: Model):
    codes = signs(1, 6, 5, 2, 3)
    plain = model.decoder(codes)
    for latent in range(5):
        other = codes.clone()
        other[:, :, latent] = -other[:, :, latent]
        reached = (model.decoder(other) - plain).abs().amax((0, 1, 3, 4)) > 1e-9
        first = 4 * latent - 3 if latent else 0
        assert reached.tolist() == [frame >= first for frame in range(FRAMES)], f"latent frame {latent}"


def test_a_clip_in_pieces_has_the_tokens_and_the_pixels_of_the_whole(model: Model, clip):
    reading: Memory = {}
    latents = torch.cat([model.encoder(piece, reading) for piece in clip.split([5, 4, 8], dim=2)], dim=2)
    torch.testing.assert_close(latents, model.encoder(clip))
    writing: Memory = {}
    codes = signs(1, 6, 5, 2, 3)
    frames = torch.cat([model.decoder(piece, writing) for piece in codes.split([1, 1, 3], dim=2)], dim=2)
    torch.testing.assert_close(frames, model.decoder(codes))


def test_clips_of_a_batch_do_not_see_each_other(model: Model, clip):
    both = torch.cat([clip, clip.flip(2)])
    torch.testing.assert_close(model.encoder(both)[:1], model.encoder(clip))


def test_an_inflated_network_sees_a_picture_as_the_image_network_does(model: Model, clip, random_model):
    times = (1,) * len(model.config.strides_t)
    image = random_model(replace(model.config, kernel_t=1, strides_t=times), seed=7)
    inflate(image, model)
    torch.testing.assert_close(model.encoder(clip[:, :, :1]), image.encoder(clip[:, :, :1]))
    codes = signs(1, 6, 1, 2, 3)
    torch.testing.assert_close(model.decoder(codes), image.decoder(codes))


def test_a_network_of_the_same_shape_is_copied(model: Model, clip, random_model):
    other = random_model(model.config, seed=7)
    inflate(other, model)
    assert torch.equal(model.encoder(clip), other.encoder(clip))


def test_inflation_names_what_does_not_fit(model: Model, random_model):
    times = (1,) * len(model.config.strides_t)
    image = random_model(replace(model.config, kernel_t=1, strides_t=times, codebook_bits=5))
    with pytest.raises(ValueError, match="codebook_bits must be those of the initial"):
        inflate(image, model)


def test_decoded_pixels_stay_in_range(architecture: Architecture, random_model):
    model = random_model(architecture).float()
    pixels = model.decode(torch.randint(0, 64, (2, 3, 2, 2)))
    assert pixels.dtype == torch.float32
    assert pixels.abs().max() <= 1


def test_space_to_depth_and_back():
    x = torch.arange(2 * 3 * 2 * 8 * 4).view(2, 3, 2, 8, 4)
    assert torch.equal(depth_to_space(space_to_depth(x, 4), (1, 4, 4)), x)


def signs(*shape: int) -> torch.Tensor:
    draw = torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(3))
    return draw.double() * 2 - 1
