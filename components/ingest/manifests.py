"""Manifests and text files beside media -> checked metadata.

A row that is not valid is refused for a reason that is counted; nothing is guessed.
"""

import csv
import io
import json
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from components.corpus.data import leaves

TABLES = (".csv", ".jsonl", ".parquet")
COLUMNS = {"path", "file", "caption", "captions", "license", "licence", "language", "split"}
DERIVED = {"root", "size_bytes", "sha256", "bytes", "archive", "offset_bytes", "state", "reason", "batch"}
MOST_CHARACTERS = 20_000  # of one cell: a page of text describes a clip, a megabyte is a mistake
MOST_BYTES = 4 * MOST_CHARACTERS
MOST_TABLE_BYTES = 1 << 30  # of a table in Parquet; its rows take many times that
MOST_SHOWN_OF_ERROR = 200  # characters
MOST_SHOWN = 60  # characters of a value or a name in the detail of a refusal
MOST_COLUMNS = 8  # named there
# Marks that change the direction of writing make a name look like another one.
TURNING = {"\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
UNSEEN = {"Cc", "Cs", "Zl", "Zp"}  # categories: control, half a character, line and paragraph ends
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # but for tabs and ends of lines


class Refusal(Exception):
    """A row or a name that cannot be used, for a reason that is counted; `detail` may say more about this one."""

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(reason)
        self.reason, self.detail = reason, detail


class Damaged(ValueError):
    """A manifest that cannot be read as its file type says; the message names the file and the problem."""


@dataclass(frozen=True)
class Description:
    """Metadata of one file; "" is not given."""

    caption: str = ""
    license: str = ""
    language: str = ""
    split: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One row of a manifest: a file and its metadata, or the reason why the row is refused."""

    number: int  # from 1
    path: str = ""
    description: Description = field(default_factory=Description)
    refusal: str = ""
    detail: str = ""


def lines(name: str, file: BinaryIO) -> Iterator[Line]:
    """Read a manifest by the suffix of its name; raises Damaged, possibly after some lines."""
    for number, row in enumerate(_rows(name, file), start=1):
        try:
            yield Line(number, _path(row), description_of(row))
        except Refusal as refusal:
            yield Line(number, refusal=refusal.reason, detail=refusal.detail)


def description_of(row: object) -> Description:
    """Return the metadata of a row; raises Refusal. Empty cells are not given."""
    if not isinstance(row, Mapping):
        raise Refusal("not_a_row")
    if None in row:
        raise Refusal("too_many_cells")
    given = {str(key): value for key, value in row.items() if value is not None and value != ""}
    captions = given.get("captions", [])
    if not isinstance(captions, list):
        raise _wrong_type("captions", captions, "a list of texts")
    first = [given["caption"]] if "caption" in given else []
    for column, text in [*(("caption", text) for text in first), *(("captions", text) for text in captions)]:
        if not isinstance(text, str):
            raise _wrong_type(column, text, "text")
    captions = first + captions
    if any(len(text) > MOST_CHARACTERS for text in captions):
        raise Refusal("caption_too_long")
    free = {_valid(key): _text(value) for key, value in given.items() if key not in COLUMNS | DERIVED}
    if any(len(text) > MOST_CHARACTERS for text in free.values()):
        raise Refusal("cell_too_long")
    if len(captions) > 1:
        free["captions"] = _text(captions)
    named = {key: given.get(key, "") for key in ("license", "licence", "language", "split")}
    for column, value in named.items():
        if not isinstance(value, str) or len(value) > MOST_CHARACTERS:
            raise _wrong_type(column, value, f"text of at most {MOST_CHARACTERS} characters")
    us_license, uk_license, language, split = map(_valid, named.values())
    return Description(
        _line(captions[0]) if captions else "",
        us_license or uk_license,
        language,
        _split(split),
        free,
    )


def _split(name: str) -> str:
    """Hold out every split that is not called training: val, test, fold 3."""
    return "" if not name else "train" if name.lower() in ("train", "training") else "heldout"


def beside(content: bytes) -> Description:
    """Return the metadata in a text file beside a media file, which is its caption; raises Refusal."""
    if len(content) > MOST_BYTES:
        raise Refusal("caption_too_long")
    return Description(caption=_line(content.decode(errors="replace")))


def check_name(path: str) -> None:
    """Raise Refusal for a name that leads out of its folder, or that is not displayed as it is."""
    if any(unicodedata.category(letter) in UNSEEN or letter in TURNING for letter in path):
        raise Refusal("unsafe_name")
    if leaves(path):
        raise Refusal("leaves_root")


def cut(text: str) -> str:
    """Return the beginning of a value or a name, for display."""
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def spelled(path: str) -> str:
    """Return a name with invisible letters escaped, so that it can be shown and written."""
    return "".join(
        letter.encode("unicode_escape", "surrogatepass").decode()
        if unicodedata.category(letter) in UNSEEN or letter in TURNING
        else letter
        for letter in path[:MOST_CHARACTERS]
    )


def _rows(name: str, file: BinaryIO) -> Iterator[object]:
    match PurePosixPath(name).suffix:
        case ".csv":
            csv.field_size_limit(1 << 30)  # our check of a cell's length names the row; csv's would stop the reading
            try:
                yield from csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""))
            except UnicodeDecodeError:
                raise Damaged(f"{name} is not UTF-8: save it so") from None
            except csv.Error as error:
                raise Damaged(f"{name} cannot be read: {error}") from None
        case ".jsonl":
            for line in file:
                if line.strip():
                    yield parsed(line)
        case _:
            yield from _rows_of_parquet(name, file)


def _rows_of_parquet(name: str, file: BinaryIO) -> Iterator[object]:
    """Read all bytes first: errors raised after that are due to the table, and not to the storage."""
    size_bytes = file.seek(0, os.SEEK_END)
    if size_bytes > MOST_TABLE_BYTES:
        raise Damaged(f"{name} cannot be read: it has more than {MOST_TABLE_BYTES} bytes, give it in parts")
    file.seek(0)
    content = pa.BufferReader(file.read(size_bytes))
    try:
        for batch in pq.ParquetFile(content).iter_batches(1024, use_threads=False):
            yield from batch.to_pylist()
    except Exception as error:  # Arrow has an error class for each of its layers, and lets some of C++ through
        words = str(error).partition("\n")[0][:MOST_SHOWN_OF_ERROR].rstrip(" :.") or type(error).__name__
        raise Damaged(f"{name} cannot be read: {words}") from None


def parsed(line: bytes) -> object:
    """Parse JSON; None, which is refused as no row, if it is invalid."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _path(row: object) -> str:
    if not isinstance(row, Mapping):
        raise Refusal("not_a_row")
    path = row.get("path") or row.get("file")
    if path in (None, ""):
        raise Refusal("no_path", _columns(row))
    if not isinstance(path, str):
        raise _wrong_type("path" if row.get("path") else "file", path, "text")
    return path


def _columns(row: Mapping[object, object]) -> str:
    """Describe the columns of a row without a path."""
    names = [str(name) for name in row if name is not None]
    if empty := [name for name in ("path", "file") if name in names]:
        return f"nothing in column `{empty[0]}`"
    more = [f"{len(names) - MOST_COLUMNS} more"] if len(names) > MOST_COLUMNS else []
    found = ", ".join([*(f"`{cut(name)}`" for name in names[:MOST_COLUMNS]), *more])
    return f"found columns {found or 'none'}, wanted `path` or `file`, separated by commas in a CSV"


def _wrong_type(column: str, value: object, wanted: str) -> Refusal:
    match value:
        case list() | Mapping():
            found = f"a {'list' if isinstance(value, list) else 'group'} of {len(value)}"
        case str():
            found = f"text of {len(value)} characters"
        case _:
            found = f"{cut(str(value))} ({type(value).__name__})"
    return Refusal("wrong_type", f"column `{column}`: found {found}, wanted {wanted}")


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict() | list():
            return _valid(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))
        case _:
            return _valid(str(value))


def _valid(text: str) -> str:
    """Return text that can be written as UTF-8 (JSON may hold half a character) and shown on a terminal."""
    return CONTROLS.sub(" ", text.encode(errors="replace").decode())


def _line(text: str) -> str:
    """Join lines and spaces, as for a caption."""
    return " ".join(_valid(text).split())
