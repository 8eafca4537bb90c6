"""Claim: text laid over real clips is found, clips without any are kept (components/filter/overlays.py).

python benchmarks/overlaid_text.py ../shared/media /usr/share/fonts [real files, all]

Real spans and pictures as they are, and with text laid over and encoded again: subtitles of one and two lines (half of
them Latin, half other scripts as far as their fonts are there; of 10 in a video 3 change, 2 come or go within the span)
and watermarks in a corner, opaque by 0.4 to 1. What holds text by itself, seen by eye, counts neither way. The limit is
chosen on every other file, the smallest that at most 1 % of its clips break, and the figures are of the rest; then come
those of all files, also stored smaller. Sizes, contrasts and counts in overlays.py were chosen on all of these files,
with other texts laid over.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import recording
from PIL import Image, ImageDraw, ImageFont

from components.filter import measures, overlays
from components.media import images, pixels, video
from components.media.arrays import Pixels
from components.media.errors import Unreadable

FPS, FRAMES, FEWEST, SPANS = 8, 17, 9, 4
STORED_PX, SMALLER_PX = 512, (256, 128)  # shorter sides, or what the file has
MOST_WRONG, OF_PROFILES = 0.01, 0.004
HOLD_TEXT = {  # what is seen in them
    "road_trip_10bit.webm": "two lines of a title",
    "terminal_screencast_vp9_opus.webm": "a terminal full of text",
    "phone_filming_monitor_rotated.mov": "a terminal on a monitor",
    "person_waterfall_exif5.jpg": "words at the edges",
    "waterfall_exif3.jpg": "words at the edges",
    "waterfall_exif6.jpg": "words at the edges",
}
WRITTEN = {  # script -> fonts and lines
    "Latin": (
        "DejaVuSans DejaVuSans-Bold DejaVuSerif LiberationSans-Regular LiberationSans-Bold LiberationSans-Italic"
        " LiberationSansNarrow-Bold LiberationSerif-Regular",
        [
            "I never thought it would come to this.",
            "Where are you going?",
            "- Wait! - There is no time, run!",
            "He knows.",
            "They said that the road was closed",
            "because of the snow, so we walked.",
            "[music playing]",
            "Wenn der Regen kommt, gehen wir nach Hause.",
            "¿Por qué no me lo dijiste antes?",
        ],
    ),
    "Cyrillic": ("DejaVuSans LiberationSans-Bold", ["Я никогда не думал, что до этого дойдёт.", "Куда ты идёшь?"]),
    "Greek": ("DejaVuSans LiberationSans-Bold", ["Πού πηγαίνεις;", "Αύριο φεύγουμε για τα βουνά."]),
    "Chinese, Japanese": ("wqy-microhei", ["我从来没想过会变成这样。", "你要去哪里？", "明日の朝、山へ出発します。"]),
    "Arabic": ("NotoNaskhArabic-Regular", ["إلى أين أنت ذاهب؟", "غدا نغادر إلى الجبال عند الفجر"]),
    "Devanagari": ("NotoSansDevanagari-Regular", ["तुम कहाँ जा रहे हो?", "कल हम पहाड़ों के लिए निकलेंगे"]),
    "Thai": ("NotoSansThai-Regular", ["คุณกำลังจะไปไหน", "พรุ่งนี้เราจะไปภูเขา"]),
}
MARKS = ["© STUDIO NORTH", "www.example.com", "CHANNEL 5", "@wanderer_films", "LIVE  NEWS 24", "shutterbox"]
Scores = dict[str, list[tuple[int, float, str]]]  # kind -> half, score and file of each clip
Place = Callable[[float, float, int], tuple[float, float]]  # width and height of a line in px, its number -> left, top


def clips(media: Path, files: int) -> Iterator[tuple[str, Pixels]]:
    """File and frames, in the size that ingest stores: spans that lie evenly in each video, and pictures."""
    for path in sorted((media / "videos").iterdir())[:files]:
        duration_s = video.probe(path).duration_s or 0.0
        for span in range(spans := max(1, min(SPANS, int(duration_s * FPS / FRAMES)))):
            try:
                read = video.read(path, fps=FPS, start_s=span * duration_s / spans if span else None)
                frames = [shrunk(picture, STORED_PX) for _, picture in islice(read, FRAMES)]
            except Unreadable:
                continue
            if len(frames) >= FEWEST:
                yield path.name, np.stack(frames)
    for path in sorted((media / "images").iterdir())[:files]:
        yield path.name, shrunk(images.read(path), STORED_PX)[None]


def shrunk(picture: Pixels, side_px: int) -> Pixels:
    return pixels.resize(picture, *pixels.cover(*picture.shape[:2], side_px, side_px))


def encoded(clip: Pixels) -> Pixels:
    if len(clip) == 1:
        return images.read(images.encode_jpeg(clip[0], quality=88))[None]
    height, width = (side // 2 * 2 for side in clip.shape[1:3])
    return video.decode(video.encode_mp4(clip[:, :height, :width], fps=FPS, crf=23), fps=FPS, frames=len(clip))


def layer(
    size: tuple[int, int], lines: list[str], font: ImageFont.FreeTypeFont, look: str, opaque: int, place: Place
) -> Pixels:
    """Text in a picture of that height and width, transparent elsewhere."""
    color = (255, 230, 60) if "yellow" in look else (255, 255, 255)
    image = Image.new("RGBA", size[::-1], (*color, 0))
    draw, high = ImageDraw.Draw(image), sum(font.getmetrics()) * 1.05
    for number, line in enumerate(lines):
        wide = draw.textlength(line, font=font)
        left, top = place(wide, high, number)
        if "box" in look:
            draw.rectangle((left - font.size / 3, top, left + wide + font.size / 3, top + high), fill=(0, 0, 0, 170))
        if "shadow" in look:
            by = max(1, round(font.size / 16))
            draw.text((left + by, top + by), line, font=font, fill=(0, 0, 0, opaque))
        stroke = max(1, round(font.size / 14)) if "outline" in look else 0
        black = (0, 0, 0, opaque)
        draw.text((left, top), line, font=font, fill=(*color, opaque), stroke_width=stroke, stroke_fill=black)
    return np.asarray(image)


def over(clip: Pixels, layer_HWA: Pixels) -> Pixels:
    opaque = layer_HWA[..., 3:] / np.float32(255)
    return (clip * (1 - opaque) + layer_HWA[..., :3] * opaque).round().astype(np.uint8)


def subtitled(clip: Pixels, rng: np.random.Generator, fonts: list[Path], lines: list[str]) -> Pixels:
    height, width = clip.shape[1:3]
    font = ImageFont.truetype(
        fonts[rng.integers(len(fonts))], max(8, round(min(height, width) * rng.uniform(0.045, 0.085)))
    )
    look = str(rng.choice(["outline", "box", "shadow", "plain"], p=[0.4, 0.2, 0.25, 0.15]))
    look += " yellow" if rng.random() < 0.25 else ""
    at_top = rng.random() < 0.15

    def one() -> Pixels:
        said = [str(rng.choice(lines)) for _ in range(rng.integers(1, 3))]

        def place(wide: float, high: float, number: int) -> tuple[float, float]:
            first = height * 0.05 if at_top else height * 0.95 - len(said) * high
            return (width - wide) / 2, first + number * high

        return layer((height, width), said, font, look, 255, place)

    shown, when, cut = over(clip, one()), rng.random(), int(rng.integers(len(clip) // 4, len(clip) * 3 // 4 + 1))
    if len(clip) > 1 and when < 0.3:
        return np.concatenate([shown[:cut], over(clip[cut:], one())])
    if len(clip) > 1 and when < 0.5:  # it is there for half of the span or more
        return np.concatenate([shown[:cut], clip[cut:]] if cut > len(clip) // 2 else [clip[:cut], shown[cut:]])
    return shown


def marked(clip: Pixels, rng: np.random.Generator, fonts: list[Path]) -> Pixels:
    height, width = clip.shape[1:3]
    font = ImageFont.truetype(
        fonts[rng.integers(len(fonts))], max(8, round(min(height, width) * rng.uniform(0.04, 0.075)))
    )
    right, down = rng.random(2) < 0.5

    def place(wide: float, high: float, _: int) -> tuple[float, float]:
        return width * 0.97 - wide if right else width * 0.03, height * 0.96 - high if down else height * 0.04

    look, opaque = str(rng.choice(["plain", "shadow", "outline"])), int(rng.integers(100, 255))
    return over(clip, layer((height, width), [str(rng.choice(MARKS))], font, look, opaque, place))


def score(clip: Pixels, side_px: int = STORED_PX) -> float:
    stills = np.stack([shrunk(still, side_px) for still in measures.stills(clip)])
    return overlays.text_overlay(measures.grays(stills, overlays.IMAGE_PX))


def cost(clip: Pixels) -> tuple[float, float]:
    """Core-seconds of all of the look, and of what overlaid text is of it."""
    seconds = [time.process_time()]
    measures.measure_frames(clip, FPS)
    seconds.append(time.process_time())
    overlays.text_overlay(measures.grays(measures.stills(clip), overlays.IMAGE_PX))
    seconds.append(time.process_time())
    return seconds[1] - seconds[0], seconds[2] - seconds[1]


def main(media: Path, folder: Path, files: int) -> None:
    found = {path.stem: path for path in folder.rglob("*.tt?")}
    fonts = {script: [found[name] for name in names.split() if name in found] for script, (names, _) in WRITTEN.items()}
    others = [script for script in WRITTEN if fonts[script] and script != "Latin"]
    print("scripts without a font here:", ", ".join(sorted(set(WRITTEN) - {*others, "Latin"})) or "none")
    if not fonts["Latin"] or not others:
        sys.exit(f"{folder} lacks a font of Latin, or of another script: fonts-dejavu and fonts-noto-core have some")
    rng = np.random.default_rng(7)
    scores: dict[int, Scores] = {px: defaultdict(list) for px in (STORED_PX, *SMALLER_PX)}
    looks, texts, names = 0.0, 0.0, []
    for turn, (name, clip) in enumerate(clips(media, files)):
        names += [name] * (name not in names)
        if name in HOLD_TEXT:
            print(f"  {name} ({HOLD_TEXT[name]}): {score(clip):.4f}")
            continue
        made = {"none": clip, "watermark": encoded(marked(clip, rng, fonts["Latin"]))}
        for script in ("Latin", others[turn % len(others)]):
            made[f"subtitles, {script}"] = encoded(subtitled(clip, rng, fonts[script], WRITTEN[script][1]))
        for kind, one in made.items():
            for side_px, of in scores.items():
                of[kind].append((names.index(name) % 2, score(one, side_px), name))
        if len(clip) > 1:
            whole, text = cost(clip)
            looks, texts = looks + whole - text, texts + text
    first = sorted(value for half, value, _ in scores[STORED_PX]["none"] if half == 0)
    limit = first[len(first) - 1 - int(MOST_WRONG * len(first))]
    print(f"limit {limit:.4f}, the smallest that at most {MOST_WRONG:.0%} of {len(first)} clips of one half break")
    report("the other half", limit, scores[STORED_PX], (1,))
    subtitles, watermarks, wrong = report("the other half", OF_PROFILES, scores[STORED_PX], (1,))
    recording.record("recall of subtitles, files of the other half", subtitles)
    recording.record("recall of watermarks, files of the other half", watermarks)
    recording.record("share of clips without text that are called so, files of the other half", wrong)
    for side_px, of in scores.items():
        report(f"both halves, {side_px} px", OF_PROFILES, of, (0, 1))
    print(f"cost: {texts / looks:.2f} of all else that the look costs")
    recording.record("cost beside all else that the filter measures of a clip", texts / looks, "×")


def report(words: str, limit: float, scores: Scores, halves: tuple[int, ...]) -> tuple[float, float, float]:
    """Print what a limit finds; return the recall of subtitles and watermarks, and the share wrongly called text."""
    broken = {kind: [value > limit for half, value, _ in of if half in halves] for kind, of in scores.items()}
    subtitles = [each for kind, of in broken.items() if kind.startswith("subtitles") for each in of]
    right, wrong = sum(subtitles) + sum(broken["watermark"]), sum(broken["none"])
    found = sorted({name for half, value, name in scores["none"] if value > limit and half in halves})
    print(f"above {limit:.4f}, {words}: {wrong} of {len(broken['none'])} without text ({', '.join(found)})")
    print(f"  recall: subtitles {np.mean(subtitles):.3f}, watermarks {np.mean(broken['watermark']):.3f}")
    print(f"  precision {right / max(right + wrong, 1):.4f}, with 3 clips with text to 1 without")
    for kind, of in broken.items():
        if kind.startswith("subtitles"):
            print(f"  {kind}: {sum(of)} of {len(of)}")
    return float(np.mean(subtitles)), float(np.mean(broken["watermark"])), wrong / max(len(broken["none"]), 1)


if __name__ == "__main__":
    recording.begin()
    if len(sys.argv) < 3:
        sys.exit("say where media and fonts are: benchmarks/overlaid_text.py ../shared/media /usr/share/fonts")
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1000)
