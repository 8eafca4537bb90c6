"""Image files or bytes ↔ upright RGB pixels (H, W, 3) uint8.

The EXIF orientation is applied; gray, palette and CMYK become RGB; transparency is composited over white. The first
frame of an animated image is used. The size in the header is checked before anything is decoded.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from components.media.arrays import Pixels
from components.media.errors import Unreadable
from components.media.frames import MOST_PIXELS, check_size

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")  # what `media.sniff` knows; Pillow can read more
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I")


def read(source: Path | bytes, *, max_pixels: int = MOST_PIXELS) -> Pixels:
    """Decode; raises Unreadable: resolution_too_large, truncated_image, decode_error, unreadable_container."""
    try:
        with (
            io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file,
            Image.open(file, formats=FORMATS) as image,
        ):
            check_size(image.height, image.width, max_pixels)
            return _rgb(ImageOps.exif_transpose(image))
    except (Unreadable, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise Unreadable("resolution_too_large", str(error)) from error
    except UnidentifiedImageError as error:
        raise Unreadable("unreadable_container", "no picture format recognizes it") from error
    except Exception as error:  # Pillow's readers raise errors of any type for damaged files
        message = str(getattr(error, "strerror", None) or error or type(error).__name__)  # without the file's name
        raise Unreadable("truncated_image" if "truncated" in message.lower() else "decode_error", message) from error


def encode_png(pixels_HWC: Pixels) -> bytes:
    """Encode losslessly."""
    return _encoded(pixels_HWC, "PNG", optimize=False, compress_level=6)


def encode_jpeg(pixels_HWC: Pixels, *, quality: int = 92) -> bytes:
    """Encode with full color resolution."""
    return _encoded(pixels_HWC, "JPEG", quality=quality, subsampling=0)


def _encoded(pixels_HWC: Pixels, form: str, **options: int | bool) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels_HWC)).save(buffer, form, **options)
    return buffer.getvalue()


def _rgb(image: Image.Image) -> Pixels:
    if image.mode in SIXTEEN_BIT:
        wide = np.asarray(image).astype(np.int64)
        return np.repeat((wide >> 8).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))
