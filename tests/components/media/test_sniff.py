import numpy as np

from components.media import images, sniff, video


def test_the_content_tells_what_a_file_is() -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    assert sniff.kind_of(images.encode_png(pixels)) == "image"
    assert sniff.kind_of(images.encode_jpeg(pixels)) == "image"
    assert sniff.kind_of(video.encode_mp4(pixels[None], fps=8)) == "video"
    assert sniff.kind_of(b"<html>not found</html>") is None
    assert sniff.kind_of(b"") is None
