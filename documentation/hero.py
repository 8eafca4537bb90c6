"""Samples of a finished run -> the moving picture on top of README.

    python -m documentation.hero data/samples docs/assets/hero.gif

It shows the first six text-to-video samples of held-out prompts, or as many as there are, at base size, enlarged
without smoothing, each above its prompt. They are taken in the order of the table, not chosen by eye. A clip plays once
in its own time, its last frame stays for a second, then all begin anew.
"""

import sys
import textwrap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from components.common import params
from components.generate.data import Sample, read_table
from components.media import video

COLUMNS, ROWS, TILE_PX, GAP_PX, CAPTION_PX, LETTERS = 3, 2, 192, 16, 44, 26
HOLD_MS, MOST_BYTES = 1000, 1_000_000
PAPER, INK = (255, 255, 255), (36, 41, 47)


def main(folder: Path, output: Path) -> None:
    """Write the picture; raises ValueError if there is nothing to show, or if it is too large to be shown."""
    formats = params.read()["formats"]
    fps, length = formats["fps"], formats["clip_frames"]
    samples = list(chosen(read_table(folder)))
    if not samples:
        raise ValueError(f"{folder} has no text-to-video sample of a held-out prompt")
    clips = [video.decode(folder / sample.path, fps=fps, frames=length) for sample in samples]
    frames = []
    for instant in range(length):
        page = blank(samples)
        for place, clip in enumerate(clips):
            tile = Image.fromarray(clip[instant]).resize((TILE_PX, TILE_PX), Image.Resampling.NEAREST)
            page.paste(tile, corner(place))
        frames.append(page)
    # One palette for all frames, so that what holds still does not flicker.
    strip = Image.new("RGB", (frames[0].width, frames[0].height * len(frames)))
    for place, page in enumerate(frames):
        strip.paste(page, (0, place * page.height))
    palette = strip.quantize(256)
    first, *others = (page.quantize(palette=palette, dither=Image.Dither.NONE) for page in frames)
    durations_ms = [1000 // fps] * (len(frames) - 1) + [HOLD_MS]
    first.save(output, save_all=True, append_images=others, duration=durations_ms, loop=0, optimize=True)
    if (size := output.stat().st_size) > MOST_BYTES:
        raise ValueError(f"{output} has {size:,} bytes, more than the {MOST_BYTES:,} that a page should load")
    print(f"{output}: {size:,} bytes")


def chosen(table: list[Sample]) -> Iterator[Sample]:
    """Return the first samples of held-out prompts in the format of a usual clip."""
    fitting = (one for one in table if (one.task, one.format, one.stage) == ("text_to_video", "clip", "base"))
    return islice((one for one in fitting if one.clip_id), COLUMNS * ROWS)


def blank(samples: list[Sample]) -> Image.Image:
    """Return the page without its clips: each prompt below its place."""
    width, height = COLUMNS * (TILE_PX + GAP_PX) + GAP_PX, ROWS * (TILE_PX + CAPTION_PX + GAP_PX) + GAP_PX
    page = Image.new("RGB", (width, height), PAPER)
    drawing, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    for place, sample in enumerate(samples):
        left, top = corner(place)
        text = "\n".join(textwrap.wrap(sample.prompt, LETTERS))
        drawing.multiline_text((left, top + TILE_PX + 6), text, INK, font)
    return page


def corner(place: int) -> tuple[int, int]:
    """Return the left upper corner of a clip's place."""
    row, column = divmod(place, COLUMNS)
    return GAP_PX + column * (TILE_PX + GAP_PX), GAP_PX + row * (TILE_PX + CAPTION_PX + GAP_PX)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
