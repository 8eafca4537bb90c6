"""Interlaced frames -> progressive frames, by FFmpeg's `bwdif`.

Only frames that are flagged as interlaced are processed; timestamps are unchanged.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from av import VideoFrame
from av.error import BlockingIOError as NotYet
from av.error import EOFError as Over
from av.filter import Graph
from av.video.stream import VideoStream


def deinterlaced(frames: Iterable[VideoFrame], stream: VideoStream) -> Iterator[VideoFrame]:
    """Pass frames on, through the filter from the first interlaced one on. Raises FFmpeg's errors."""
    graph: Graph | None = None
    for frame in frames:
        if graph is None and frame.interlaced_frame:
            graph = _graph(frame, stream)
        if graph is None:
            yield frame
        else:
            graph.vpush(frame)
            yield from _ready(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _ready(graph)


def _ready(graph: Graph) -> Iterator[VideoFrame]:
    with suppress(NotYet, Over):
        while True:
            yield graph.vpull()


def _graph(frame: VideoFrame, stream: VideoStream) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or stream.time_base
    )
    filtered = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(filtered)
    filtered.link_to(sink)
    graph.configure()
    return graph
