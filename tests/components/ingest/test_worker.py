import io
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame
from PIL import Image

from components.ingest import decoding
from components.ingest import worker as worker_room
from components.ingest.config import Config
from components.ingest.worker import Rejected, Worker, _attempt
from components.media import video

from .conftest import Hoard, Poison, film, png, stored


def test_a_worker_that_dies_loses_no_file_but_the_one_it_had(config: Config, tmp_path: Path) -> None:
    sources = [stored(tmp_path, f"{seed}.png", png(seed)) for seed in range(2)]
    with Worker(config) as worker:
        assert isinstance(worker.outcome(tmp_path / sources[0].path, sources[0]), list)
        assert worker.process is not None
        assert worker.process.pid is not None
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.join()
        assert isinstance(worker.outcome(tmp_path / sources[1].path, sources[1]), list)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT], ids=lambda number: number.name)
def test_a_file_that_crashes_the_decoder_twice_is_refused_and_the_next_one_is_not(
    config: Config, tmp_path: Path, number: signal.Signals
) -> None:
    source = stored(tmp_path, "a.png", png())
    poison = Poison(tmp_path / source.path, [number, number])
    with Worker(config) as worker:
        refused = worker.outcome(poison, source)
        assert isinstance(worker.outcome(tmp_path / source.path, source), list)
    assert refused == Rejected("crashed_decoder", f"the decoder ended with {-number}", repeatable=False)
    assert poison.ends == []


def test_a_file_that_crashes_the_decoder_once_is_not_refused(config: Config, tmp_path: Path) -> None:
    source = stored(tmp_path, "a.png", png())
    with Worker(config) as worker:
        first = worker.outcome(tmp_path / source.path, source)
        assert worker.outcome(Poison(tmp_path / source.path, [signal.SIGSEGV]), source) == first


def large_picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (3000, 3000)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def large_film() -> bytes:
    return video.encode_mp4(np.zeros((17, 3240, 3840), np.uint8), fps=8, preset="ultrafast")


@pytest.mark.parametrize("made", [large_picture, large_film])
def test_what_other_files_left_behind_refuses_no_file(
    config: Config, tmp_path: Path, made: Callable[[], bytes]
) -> None:
    source = stored(tmp_path, "large", made())
    small = replace(config, memory_limit_mib=300)
    with Worker(small) as worker:
        alone = worker.outcome(tmp_path / source.path, source)
    with Worker(small) as worker:
        worker.outcome(Hoard(280 << 20), source)
        process = worker.process
        after_others = worker.outcome(tmp_path / source.path, source)
        assert worker.process is not process
    assert isinstance(alone, list)
    assert after_others == alone


def test_a_file_that_takes_too_long_is_refused_at_once_and_the_next_one_is_not(config: Config, tmp_path: Path) -> None:
    source = stored(tmp_path, "a.png", png())
    with Worker(replace(config, time_limit_s=1)) as worker:
        refused = worker.outcome(Poison(tmp_path / source.path, [signal.SIGXCPU]), source)
        assert isinstance(worker.outcome(tmp_path / source.path, source), list)
    assert refused == Rejected("too_slow", "took more than 1 s of processor time", repeatable=False)


def test_a_file_that_hangs_is_refused_and_the_next_one_is_not(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_room, "WALL_FACTOR", 0.01)
    source = stored(tmp_path, "a.png", png())
    with Worker(replace(config, time_limit_s=100)) as worker:
        refused = worker.outcome(Poison(tmp_path / source.path, [signal.SIGSTOP]), source)
        monkeypatch.undo()
        assert isinstance(worker.outcome(tmp_path / source.path, source), list)
    assert refused == Rejected("too_slow", "no answer in 1.0 s", repeatable=False)


def test_a_file_that_needs_too_much_memory_is_refused(config: Config, tmp_path: Path) -> None:
    large = io.BytesIO()
    Image.new("L", (6000, 6000)).save(large, "PNG", compress_level=1)
    source = stored(tmp_path, "large.png", large.getvalue())
    with Worker(replace(config, memory_limit_mib=256)) as worker:
        refused = worker.outcome(tmp_path / source.path, source)
    assert refused == Rejected("too_much_memory", "needs more than 256 MiB", repeatable=False)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("surprise")])
def test_whatever_a_file_provokes_becomes_a_reason(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(decoding, "rows_of", fail)
    outcome = _attempt(tmp_path, stored(tmp_path, "a.mp4", film(17)), config)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == ("too_much_memory" if isinstance(error, MemoryError) else "decode_error")


def test_worker_processes_are_gone_when_the_work_is_done(config: Config, tmp_path: Path) -> None:
    source = stored(tmp_path, "a.png", png())
    with Worker(config) as worker:
        worker.outcome(tmp_path / source.path, source)
        process = worker.process
    assert process is not None
    assert not process.is_alive()


def test_a_file_that_changes_while_it_is_read_is_refused_now_and_not_for_ever(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = stored(tmp_path, "film.mp4", film(20))

    def decode_while_it_grows(path: Path, *_: object) -> list[object]:
        path.write_bytes(path.read_bytes() + b"more")
        return []

    monkeypatch.setattr(decoding, "rows_of", decode_while_it_grows)
    refused = _attempt(tmp_path / "film.mp4", source, config)
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.repeatable) == ("changed_file", False)
    assert "add the source again" in refused.detail


def test_a_file_that_is_not_what_was_added_is_looked_at_again_next_time(config: Config, tmp_path: Path) -> None:
    source = stored(tmp_path, "film.mp4", film(20))
    (tmp_path / "film.mp4").write_bytes(film(18))
    changed = _attempt(tmp_path / "film.mp4", source, config)
    (tmp_path / "film.mp4").unlink()
    missing = _attempt(tmp_path / "film.mp4", source, config)
    assert isinstance(changed, Rejected)
    assert isinstance(missing, Rejected)
    assert [(one.reason, one.repeatable) for one in (changed, missing)] == [
        ("changed_file", False),
        ("missing_file", False),
    ]


def hour_of_8k(path: Path) -> None:
    """An hour of two flat pictures of 7680 by 4320 pixels in turn, each encoded once and told again and again."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=1, options={"preset": "ultrafast", "threads": "1", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = 7680, 4320, "yuv420p"
        encoded = []
        for light in (60, 200):
            frame = VideoFrame.from_ndarray(np.full((6480, 7680), light, np.uint8), "yuv420p")
            frame.pts = len(encoded)
            encoded += [bytes(packet) for packet in stream.encode(frame)]
        encoded += [bytes(packet) for packet in stream.encode(None)]
        for number in range(900):
            packet = av.Packet(encoded[number % 2])
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 1000), True
            packet.pts = packet.dts = 4000 * number
            container.mux(packet)


def test_an_hour_of_8k_gives_its_first_spans_and_holds_a_few_pictures(config: Config, tmp_path: Path) -> None:
    hour_of_8k(tmp_path / "hour.mp4")
    source = stored(tmp_path, "hour.mp4", (tmp_path / "hour.mp4").read_bytes())
    with Worker(replace(config, memory_limit_mib=512)) as worker:  # ten pictures as they are decoded
        rows = worker.outcome(tmp_path / source.path, source)
    assert isinstance(rows, list)
    assert len(rows) == config.spans_per_source
    assert rows[-1].clip.end_s < 60


@pytest.mark.parametrize("name", ["f%02d.png", "f%d.jpg", "f%d.webp"])
def test_a_file_is_no_way_to_those_that_its_name_is_a_pattern_of(config: Config, tmp_path: Path, name: str) -> None:
    for number in range(20):
        (tmp_path / (name % number)).write_bytes(png(number))
    source = stored(tmp_path, name, b"\0\0\0\x08free" + bytes(700))
    with Worker(config) as worker:
        refused = worker.outcome(tmp_path / name, source)
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.repeatable) == ("unreadable_container", True)
