"""Storage with a user's media -> sources: existing files, and refusals with their reasons.

A folder or store gives all its files, and the members of WebDataset tars; captions come from a manifest beside them
(`manifest.csv`, `captions.csv`, or the same as .jsonl or .parquet) or from a text file of the same name. A manifest
that is given itself yields the files it lists, relative to itself, with all its columns: path, caption(s), license (or
licence), language, split; any other column is an attribute. A tar that is given itself yields its members.

A damaged manifest is refused as a whole, and the files beside it keep the metadata of the previous scan; a damaged
manifest that is given itself raises manifests.Damaged.

A file whose size and modification time are those of the previous scan is not read again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from components.common.progress import progress
from components.corpus.data import Source, read, write
from components.ingest import archives, manifests
from components.ingest.manifests import TABLES, Damaged, Description, Refusal
from components.ingest.storage import Storage, StorageEntry, sha256_of

__all__ = ["FileMarks", "Scan", "Source", "read", "write"]

FileMarks = Mapping[str, tuple[int, int]]  # name of a file -> size in bytes and modification time in nanoseconds
BESIDE = tuple(name + suffix for name in ("manifest", "captions") for suffix in TABLES)
NOT_MEDIA = {".txt", ".md", ".csv", ".json", ".jsonl", ".parquet", ".yaml", ".yml"}
NOTHING = Description()


class Scan:
    """Scan of a storage under the alias `root`; `known` are the sources of the previous scan, `seen` its file marks.

    `sources` are the current ones; `seen` is for the next scan; `read` counts the files that had to be read.
    """

    def __init__(
        self,
        storage: Storage,
        root: str,
        *,
        only: str = "",
        known: Iterable[Source] = (),
        seen: FileMarks | None = None,
    ):
        if not root:
            raise ValueError("the alias of a folder of media must not be empty")
        self.storage, self.root = storage, root
        self.before = seen or {}
        self.seen: dict[str, tuple[int, int]] = {}
        self.read = 0
        self._known: dict[str, list[Source]] = {}
        for source in sorted(known, key=lambda source: source.state == "present"):  # present ones come last
            if source.state != "gone":
                self._known.setdefault(source.archive or source.path, []).append(source)
        self._found: dict[str, Source] = {}
        if only.endswith(TABLES):
            named = self._named(only, "")
            chosen: Iterable[tuple[StorageEntry, Description]] = (
                (self.storage.entry(name), named[name]) for name in named
            )
        elif only:
            chosen = [(self.storage.entry(only), NOTHING)]
        else:
            chosen = self._everything()
        described: dict[str, Description] = {}
        files: list[StorageEntry] = []
        for file, description in chosen:
            files.append(file)
            described[file.name] = description
        for file in progress(files, total=len(files), unit="files", label=f"sources {root}"):
            self._add(file, described[file.name])
        self.sources = [self._found[path] for path in sorted(self._found)]

    def _everything(self) -> Iterator[tuple[StorageEntry, Description]]:
        files = sorted(self.storage.listing(), key=lambda file: file.name)
        names = {file.name for file in files if not file.refusal}
        described: dict[str, Description] = {}
        damaged: list[str] = []  # folders with a damaged manifest
        for name in sorted(names):
            folder, slash, last = name.rpartition("/")
            if last in BESIDE:
                try:
                    described |= self._named(name, folder + slash)
                except Damaged as error:
                    self._refuse(name, Refusal("broken_manifest", str(error)))
                    damaged.append(folder + slash)
        described |= {name: former for name, former in self._former(damaged).items() if name in names}
        for name in sorted(described.keys() - {file.name for file in files}):
            self._refuse(name, Refusal("missing_file"))
        for file in files:
            ending = PurePosixPath(file.name).suffix.lower()
            if ending in NOT_MEDIA and not file.refusal:
                continue
            text = str(PurePosixPath(file.name).with_suffix(".txt"))
            try:
                description = described.get(file.name) or (self._text(text) if text in names else NOTHING)
            except Refusal as refusal:
                self._refuse(file.name, refusal)
            else:
                yield file, description

    def _former(self, folders: Sequence[str]) -> dict[str, Description]:
        """Return the metadata of the previous scan of the files in these folders."""
        known = {path: last for path, (*_, last) in self._known.items() if path.startswith(tuple(folders))}
        former = {
            path: Description(last.caption, last.license, last.language, last.split, last.attributes)
            for path, last in known.items()
            if last.state == "present"
        }
        return {path: description for path, description in former.items() if description != NOTHING}

    def _named(self, manifest: str, folder: str) -> dict[str, Description]:
        """Return the metadata by name of the files that a manifest in `folder` ("" or with a final slash) lists.

        Raises Damaged, and then none of its rows counts.
        """
        with self.storage.opened(manifest) as file:
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
                rows[name], named[name] = line.number, line.description
        return named

    def _text(self, name: str) -> Description:
        with self.storage.opened(name) as file:
            return manifests.beside(file.read(manifests.MOST_BYTES + 1))

    def _add(self, file: StorageEntry, description: Description) -> None:
        try:
            manifests.check_name(file.name)
            if file.refusal:
                raise Refusal(file.refusal)
            if file.name.lower().endswith(archives.COMPRESSED):
                raise Refusal("compressed_archive")
            mark = (file.size_bytes, file.modified_ns)
            known = self._known.get(file.name, []) if self.before.get(file.name) == mark else []
            if file.name.lower().endswith(archives.ENDINGS):
                self._add_members(file, known)
            else:
                sha256 = known[-1].sha256 if known else self._sha256(file)
                self._keep(Source(self.root, file.name, file.size_bytes, sha256), description)
        except Refusal as refusal:
            self._refuse(file.name, refusal)
        except FileNotFoundError:
            self._refuse(file.name, Refusal("missing_file"))
        except PermissionError:
            self._refuse(file.name, Refusal("no_permission"))
        else:
            self.seen[file.name] = mark

    def _add_members(self, file: StorageEntry, known: list[Source]) -> None:
        if known:
            self._found |= {source.path: source for source in known}
            return
        self.read += 1
        with self.storage.opened(file.name) as tar:
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
                self._keep(source, member.description or NOTHING)

    def _sha256(self, file: StorageEntry) -> str:
        self.read += 1
        with self.storage.opened(file.name) as opened:
            return sha256_of(opened, file.size_bytes)

    def _keep(self, source: Source, description: Description) -> None:
        self._found[source.path] = replace(source, **vars(description))

    def _refuse(self, path: str, refusal: Refusal, archive: str = "") -> None:
        """Record a refusal; a second one under the same name gets a number."""
        name, number = manifests.spelled(path), 1
        while (shown := name if number == 1 else f"{name} ({number})") in self._found:
            number += 1
        source = Source(self.root, shown, 0, "", archive=archive, state="refused", reason=refusal.reason)
        more = {"detail": manifests.spelled(refusal.detail)} if refusal.detail else {}
        self._found[shown] = replace(source, attributes=more)
