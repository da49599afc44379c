"""Puts packed recipes: documents into Parameter Store, and the archives that they name into the store."""

from __future__ import annotations

import difflib
import io
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stack.artifacts import Bucket
from stack.clients import Clients
from stack.confirm import Confirm
from stack.operate import OperateError, documents_of, recipes_of
from stack.stacks import Stack
from stack.store import deployed, store_of

Say = Callable[[str], None]
_ARCHIVE = re.compile(r'^archive = "sha256:([0-9a-f]{64})"$', re.MULTILINE)
_MOST_LINES = 40
"""What is shown of a document that changed."""


def put(
    clients: Clients,
    home: str,
    folder: Path,
    say: Say = print,
    stack: str = "kiln",
    prune: Confirm | None = None,
    dry_run: bool = False,
) -> None:
    """Puts what `recipes pack` wrote to a folder, and shows what changes by it.

    An archive is put before the document that names it, and never overwritten: its name is its digest.
    The functions read a document anew each time they are woken. With `prune`, recipes that are not in the
    folder are removed once it agrees; their images stay until they are retired. With `dry_run`, all is
    only shown.
    """
    # Where no Kiln is, nobody would read them.
    of_stack = deployed(clients, stack, home)
    ssm = clients.of("ssm", home)
    before = documents_of(ssm, stack)
    wanted = {path.stem: path.read_text() for path in sorted(folder.glob("recipes/*.toml"))}
    if not wanted:
        raise OperateError(f"no recipe was found in {folder}/recipes: make recipes packs them there")
    archives = {path.name.split(".")[0]: path for path in folder.glob("archives/*.tar.gz")}
    store = _store(clients, of_stack) if archives else None
    for name, text in wanted.items():
        old = before.get(name)
        how = "new" if old is None else "unchanged" if old == text else "changed"
        say(f"{recipes_of(stack)}/{name}: {how}")
        if old is not None and old != text:
            for line in _changed(old, text, archives, store):
                say(f"  {line}")
        digest = _digest(text)
        if store and digest and not dry_run:
            store.put_once(f"archives/{digest}.tar.gz", archives[digest].read_bytes())
        if old != text and not dry_run:
            _put(ssm, f"{recipes_of(stack)}/{name}", text)
    left = sorted(before.keys() - wanted.keys())
    if left and prune:
        say(f"not in these folders, so {'it would be' if dry_run else 'to be'} removed: {', '.join(left)}")
    elif left:
        names = ", ".join(left)
        say(f"not in these folders, and still put: {names}. The same command with PRUNE=1 removes them")
    if left and prune and not dry_run:
        _remove(ssm, recipes_of(stack), left, prune, say)
    if dry_run:
        say("nothing was put: it was only shown")


def _put(ssm: Any, name: str, text: str) -> None:
    # More than 4 KB is an advanced parameter, which costs; Parameter Store chooses.
    ssm.put_parameter(Name=name, Value=text, Type="String", Tier="Intelligent-Tiering", Overwrite=True)


def _store(clients: Clients, stack: Stack) -> Bucket:
    """The stack's bucket for what is large, which must be there."""
    found = store_of(clients, stack)
    if not found:
        raise OperateError(
            f"{stack.title} has no bucket for the folders of recipes: deploy it anew (make deploy)"
        )
    return found


def _digest(text: str) -> str | None:
    found = _ARCHIVE.search(text)
    return found[1] if found else None


def _changed(old: str, new: str, archives: dict[str, Path], store: Bucket | None) -> Iterator[str]:
    """What changes in a document, and in the folder that it names."""

    def written(text: str) -> list[str]:
        return [line for line in text.splitlines() if not _ARCHIVE.match(line)]

    lines = list(difflib.unified_diff(written(old), written(new), "before", "now", lineterm="", n=1))[2:]
    yield from lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        yield f"… and {len(lines) - _MOST_LINES} lines more"
    before, now = _digest(old), _digest(new)
    if before == now or store is None:
        return
    packed = store.get(f"archives/{before}.tar.gz") if before else b""
    if packed is None:
        yield f"its former folder, archives/{before}.tar.gz, is no longer there to be compared"
        return
    had, has = _files(packed), _files(archives[now].read_bytes() if now else b"")
    for path in sorted(had.keys() | has.keys()):
        if path not in has:
            yield f"{path}: removed"
        elif path not in had:
            yield f"{path}: new, {len(has[path]):,} bytes"
        elif had[path] != has[path]:
            yield f"{path}: changed, {len(had[path]):,} → {len(has[path]):,} bytes"


def _files(data: bytes) -> dict[str, bytes]:
    """The files of an archive, by their paths; none of no archive."""
    if not data:
        return {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        opened = ((entry.name, archive.extractfile(entry)) for entry in archive if entry.isfile())
        return {name: file.read() for name, file in opened if file}


def _remove(ssm: Any, path: str, left: list[str], confirm: Confirm, say: Say) -> None:
    confirm(f"Remove {len(left)} recipe{'s' * (len(left) > 1)}?")
    for name in left:
        ssm.delete_parameter(Name=f"{path}/{name}")
    say(f"removed: {', '.join(left)}. Their images stay; to let them go: make retire RECIPE=<recipe>")
