"""A place with somebody's media -> sources, each a file that is there or a refusal with its reason.

A folder or store gives every file in it, and the members of WebDataset tars; captions come from a manifest beside them
(`manifest.csv`, `captions.csv`, or the same as .jsonl or .parquet) or from a text file of the same name. A manifest
that is named itself gives the files that it names, relative to itself, with all its columns: path, caption(s), licence,
language, split; any other column is an attribute. A tar that is named itself gives its members.

A damaged manifest is refused as a whole, and the files beside it keep what was said of them at the last look; one that
is named itself raises manifests.Damaged.

Whatever has the size and the time of change that it had when it was last looked at is not read again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from components.common.progress import progress
from components.corpus.data import Source, read, write
from components.ingest import archives, manifests
from components.ingest.manifests import TABLES, Damaged, Description, Refusal
from components.ingest.places import Found, Place, sha256_of

__all__ = ["Scan", "Seen", "Source", "read", "write"]

Seen = Mapping[str, tuple[int, int]]  # name of a file -> its size in bytes and its time of change in nanoseconds
BESIDE = tuple(name + suffix for name in ("manifest", "captions") for suffix in TABLES)
NOT_MEDIA = {".txt", ".md", ".csv", ".json", ".jsonl", ".parquet", ".yaml", ".yml"}
NOTHING = Description()


class Scan:
    """One look at a place under the alias `root`; `known` are its sources at the last look, `seen` its files then.

    `sources` are those of now; `seen` is for the next look; `read` counts the files that had to be read.
    """

    def __init__(
        self,
        place: Place,
        root: str,
        *,
        only: str = "",
        known: Iterable[Source] = (),
        seen: Seen | None = None,
    ):
        if not root:
            raise ValueError("the alias of a folder of media must not be empty")
        self.place, self.root = place, root
        self.before = seen or {}
        self.seen: dict[str, tuple[int, int]] = {}
        self.read = 0
        self._known: dict[str, list[Source]] = {}
        for source in sorted(known, key=lambda source: source.state == "present"):  # what is present comes last
            if source.state != "gone":
                self._known.setdefault(source.archive or source.path, []).append(source)
        self._found: dict[str, Source] = {}
        if only.endswith(TABLES):
            named = self._named(only, "")
            chosen: Iterable[tuple[Found, Description]] = ((self.place.look(name), named[name]) for name in named)
        elif only:
            chosen = [(self.place.look(only), NOTHING)]
        else:
            chosen = self._everything()
        said: dict[str, Description] = {}
        files: list[Found] = []
        for file, words in chosen:
            files.append(file)
            said[file.name] = words
        for file in progress(files, total=len(files), unit="files", label=f"sources {root}"):
            self._take(file, said[file.name])
        self.sources = [self._found[path] for path in sorted(self._found)]

    def _everything(self) -> Iterator[tuple[Found, Description]]:
        files = sorted(self.place.listing(), key=lambda file: file.name)
        names = {file.name for file in files if not file.refusal}
        said: dict[str, Description] = {}
        unsaid: list[str] = []  # folders of which a manifest is damaged
        for name in sorted(names):
            folder, slash, last = name.rpartition("/")
            if last in BESIDE:
                try:
                    said |= self._named(name, folder + slash)
                except Damaged as error:
                    self._refuse(name, Refusal("broken_manifest", str(error)))
                    unsaid.append(folder + slash)
        said |= {name: words for name, words in self._known_words(unsaid).items() if name in names}
        for name in sorted(said.keys() - {file.name for file in files}):
            self._refuse(name, Refusal("missing_file"))
        for file in files:
            ending = PurePosixPath(file.name).suffix.lower()
            if ending in NOT_MEDIA and not file.refusal:
                continue
            text = str(PurePosixPath(file.name).with_suffix(".txt"))
            try:
                words = said.get(file.name) or (self._text(text) if text in names else NOTHING)
            except Refusal as refusal:
                self._refuse(file.name, refusal)
            else:
                yield file, words

    def _known_words(self, folders: Sequence[str]) -> dict[str, Description]:
        """What was said at the last look of the files in these folders."""
        known = {path: last for path, (*_, last) in self._known.items() if path.startswith(tuple(folders))}
        words = {
            path: Description(last.caption, last.licence, last.language, last.split, last.attributes)
            for path, last in known.items()
            if last.state == "present"
        }
        return {path: said for path, said in words.items() if said != NOTHING}

    def _named(self, manifest: str, folder: str) -> dict[str, Description]:
        """Name and description of each file that a manifest in `folder` ("" or with a slash at the end) names.

        Raises Damaged, and then none of its rows counts.
        """
        with self.place.opened(manifest) as file:
            lines = list(manifests.lines(manifest, file))
        rows: dict[str, int] = {}
        named: dict[str, Description] = {}
        for line in lines:
            try:
                if line.refusal:
                    raise Refusal(line.refusal, line.detail)
                manifests.check_name(line.path)
                name = str(PurePosixPath(folder + line.path))
                if name in rows:
                    raise Refusal("repeated_path", f"`{manifests.cut(line.path)}` stands in row {rows[name]} already")
            except Refusal as refusal:
                unsure = line.refusal or refusal.reason == "repeated_path"
                self._refuse(f"{manifest}, row {line.number}" if unsure else line.path, refusal)
            else:
                rows[name], named[name] = line.number, line.said
        return named

    def _text(self, name: str) -> Description:
        with self.place.opened(name) as file:
            return manifests.beside(file.read(manifests.MOST_BYTES + 1))

    def _take(self, file: Found, words: Description) -> None:
        try:
            manifests.check_name(file.name)
            if file.refusal:
                raise Refusal(file.refusal)
            if file.name.lower().endswith(archives.COMPRESSED):
                raise Refusal("compressed_archive")
            mark = (file.size_bytes, file.modified_ns)
            known = self._known.get(file.name, []) if self.before.get(file.name) == mark else []
            if file.name.lower().endswith(archives.ENDINGS):
                self._take_members(file, known)
            else:
                sha256 = known[-1].sha256 if known else self._sha256(file)
                self._keep(Source(self.root, file.name, file.size_bytes, sha256), words)
        except Refusal as refusal:
            self._refuse(file.name, refusal)
        except FileNotFoundError:
            self._refuse(file.name, Refusal("missing_file"))
        except PermissionError:
            self._refuse(file.name, Refusal("no_permission"))
        else:
            self.seen[file.name] = mark

    def _take_members(self, file: Found, known: list[Source]) -> None:
        if known:
            self._found |= {source.path: source for source in known}
            return
        self.read += 1
        with self.place.opened(file.name) as tar:
            for member in list(archives.members(tar)):
                path = f"{file.name}/{member.name}" if member.name else file.name
                try:
                    manifests.check_name(path)
                    if member.refusal:
                        raise Refusal(member.refusal, member.detail)
                except Refusal as refusal:
                    again = f"{path} at {member.offset_bytes}" if refusal.reason == "repeated_path" else path
                    self._refuse(again, refusal, archive=file.name)
                    continue
                tar.seek(member.offset_bytes)
                sha256 = sha256_of(tar, member.size_bytes)
                source = Source(self.root, path, member.size_bytes, sha256)
                source = replace(source, archive=file.name, offset_bytes=member.offset_bytes)
                self._keep(source, member.said or NOTHING)

    def _sha256(self, file: Found) -> str:
        self.read += 1
        with self.place.opened(file.name) as opened:
            return sha256_of(opened, file.size_bytes)

    def _keep(self, source: Source, words: Description) -> None:
        self._found[source.path] = replace(source, **vars(words))

    def _refuse(self, path: str, refusal: Refusal, archive: str = "") -> None:
        """Note what is not taken, and why; a second refusal under one name is told apart from the first."""
        name, number = manifests.spelled(path), 1
        while (shown := name if number == 1 else f"{name} ({number})") in self._found:
            number += 1
        source = Source(self.root, shown, 0, "", archive=archive, state="refused", reason=refusal.reason)
        more = {"detail": manifests.spelled(refusal.detail)} if refusal.detail else {}
        self._found[shown] = replace(source, attributes=more)
