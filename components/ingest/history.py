"""Updates of a table of sources: files that a scan adds, files that are gone, and files that must not return. Pure.

No row leaves the table by itself: a file that is gone, or has other bytes now, stays as `gone`, so that what was made
from it can still be traced. Files added together are one batch; bytes that only moved keep their batch.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from components.corpus.data import Source


@dataclass(frozen=True)
class Changes:
    """Numbers of files of an alias by change; refusals by reason."""

    added: int
    changed: int
    gone: int
    forgotten: int  # came back under any name, and stay forgotten
    refused: Counter[str]

    @property
    def text(self) -> str:
        """Describe the changes; "" if there are none."""
        parts = [
            f"{count} {change}"
            for change, count in (
                ("added", self.added),
                ("changed", self.changed),
                ("gone", self.gone),
                ("forgotten, as it was asked for", self.forgotten),
                ("refused", self.refused.total()),
            )
            if count
        ]
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.refused.items()))
        return ", ".join(parts) + (f" ({reasons})" if reasons else "")


def renewed(table: Sequence[Source], root: str, found: Sequence[Source]) -> tuple[list[Source], Changes]:
    """Return the table after a scan of `root` that found these sources, and the changes."""
    others = [source for source in table if source.root != root]
    before = {(source.path, source.sha256): source for source in table if source.root == root and source.sha256}
    here = {(source.path, source.sha256) for source in found}
    barred = {source.sha256 for source in table if source.state == "forgotten"}
    paths = {source.path for source in before.values() if source.state == "present"}
    moved: dict[str, int] = {}
    for key, source in before.items():
        if key not in here:
            moved[source.sha256] = min(source.batch, moved.get(source.sha256, source.batch))
    known = {path for path, _ in before}
    newest = 1 + max((source.batch for source in table), default=0)
    now: list[Source] = []
    for source in found:
        if source.state == "refused":
            if source.reason != "missing_file" or source.path not in known:
                now.append(source)
            continue
        former = before.get((source.path, source.sha256))
        batch = former.batch if former else moved.get(source.sha256, newest)
        placed = replace(source, state="present", batch=batch)
        now.append(_forgotten(placed) if source.sha256 in barred else placed)
    left = [_tombstone(source) for key, source in before.items() if key not in here]
    present = [source for source in now if source.state == "present"]
    was_present = {key for key, source in before.items() if source.state == "present"}
    came = [source for source in present if (source.path, source.sha256) not in was_present]
    changes = Changes(
        added=sum(source.path not in paths for source in came),
        changed=sum(source.path in paths for source in came),
        gone=len(paths - {source.path for source in now}),
        forgotten=sum(source.state == "forgotten" for source in now),
        refused=Counter(source.reason for source in now if source.state == "refused"),
    )
    return [*others, *now, *left], changes


def forget(table: Sequence[Source], sha256: str) -> list[Source]:
    """Return the table with the bytes of this hash marked as never to be read again, under any name."""
    return [_forgotten(source) if source.sha256 == sha256 else source for source in table]


def removed(table: Sequence[Source], root: str) -> list[Source]:
    """Return the table without an alias; its forgotten sources stay forgotten."""
    return [source for source in table if source.root != root or source.state == "forgotten"]


def _tombstone(source: Source) -> Source:
    return source if source.state == "forgotten" else replace(source, state="gone")


def _forgotten(source: Source) -> Source:
    """Keep name and hash to recognize the source by, and remove its metadata."""
    return replace(source, caption="", license="", language="", split="", attributes={}, state="forgotten")
