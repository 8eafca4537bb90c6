from dataclasses import replace

import pytest

from components.visual_tokenizer.config import Architecture, Config

PAPER = Architecture("conv", 1, 3, 128, (1, 2, 2, 4), 4, 4, (1, 2, 2), (2, 2, 2), 32, 18)


@pytest.mark.parametrize(
    ("frames", "height_px", "width_px", "tokens"),
    [
        (1, 128, 128, 256),
        (17, 128, 128, 1280),
        (17, 224, 128, 2240),
        (41, 128, 128, 2816),
        (41, 224, 128, 4928),
        (17, 448, 256, 8960),
        (17, 896, 512, 35840),
    ],
)
def test_the_papers_shapes_have_the_papers_token_counts(frames, height_px, width_px, tokens):
    latent_frames, rows, columns = PAPER.latent(frames, height_px, width_px)
    assert latent_frames * rows * columns == tokens


def test_the_paper_strides_over_four_frames_and_eight_pixels():
    assert (PAPER.stride_t, PAPER.stride_px, PAPER.widths) == (4, 8, (128, 256, 256, 512))


@pytest.mark.parametrize(("size", "said"), [((16, 128, 128), "multiple of 4 frames"), ((17, 100, 128), "8 px")])
def test_a_clip_that_does_not_fill_its_grid_is_refused(size, said):
    with pytest.raises(ValueError, match=said):
        PAPER.latent(*size)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"multipliers": (1, 2)}, "2 multipliers need 1 strides_t"),
        ({"stem_px": 2}, "stem_px"),
        ({"kernel_t": 2}, "kernel_t"),
        ({"kernel_t": 1}, "strides_t must all be 1"),
        ({"strides_px": (2, 3, 2)}, "must be 1 or 2"),
        ({"groups": 48}, "groups"),
        ({"codebook_bits": 30}, "codebook_bits"),
    ],
)
def test_an_impossible_network_is_refused_in_words(change, said):
    with pytest.raises(ValueError, match=said):
        replace(PAPER, **change)


def test_formats_must_fill_the_grid(config: Config):
    with pytest.raises(ValueError, match="multiples of 8 px"):
        replace(config, formats=replace(config.formats, portrait_height_px=60))


def test_shares_weights_and_rates_must_make_sense(config: Config, image_config: Config):
    with pytest.raises(ValueError, match="a share of the steps"):
        replace(config.sampling, high_res_share=(0.7, 0.4))
    with pytest.raises(ValueError, match=r"sampling\.balance"):
        replace(config.sampling, balance=1.5)
    with pytest.raises(ValueError, match=r"sampling\.image_share must be 1"):
        replace(image_config, sampling=config.sampling)
    with pytest.raises(ValueError, match="negative"):
        replace(config.losses, entropy=-1.0)
    with pytest.raises(ValueError, match="warmup_steps"):
        replace(config.optimization, warmup_steps=config.optimization.steps)
