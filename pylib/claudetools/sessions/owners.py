"""Whose is the change of one path: line by line where that can be told, else the path as a whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from claudetools.attribution import chain
from claudetools.attribution.chain import OR, History, Touch
from claudetools.attribution.edits import digest
from claudetools.attribution.weave import NOBODY, Split, Weave, is_nobody
from claudetools.core import git
from claudetools.core.objects import Entry
from claudetools.text import cipher

PLAIN = (git.REGULAR, git.EXECUTABLE)
GENERATED = ("wiki/index.md",)  # made from other files: lines of it are nobody's work
Read = Callable[[str], bytes | None]  # the content of that sha256, None when it is lost


@dataclass(frozen=True)
class Owned:
    """One changed path: its entries in HEAD and in the tree (None: no such path), and its owners in sets that go out
    together. With `split`, parts of the text can go by themselves."""

    head: Entry | None
    tree: Entry | None
    sets: tuple[frozenset[str], ...]
    split: Split | None = None
    window: bool = False
    unread: bool = False  # it goes as a whole because contents that the ledgers name are missing

    def content(self, goes: Callable[[frozenset[str]], bool]) -> Entry | bytes | None:
        """The path with the changes of these sets: an entry of HEAD or of the tree, or a text that is neither."""
        inside = [found for found in self.sets if goes(found)]
        if len(inside) == len(self.sets):
            return self.tree
        if not inside or self.split is None:
            return self.head
        text = self.split.version(frozenset().union(*inside))
        return None if self.head is None and not text else text

    @property
    def mode(self) -> str:
        """Of a text that is neither HEAD's nor the tree's."""
        entry = self.head or self.tree
        assert entry
        return entry[0]


def sessions_of(owners: Collection[str]) -> frozenset[str]:
    """Their sessions: none for those that stand for nobody, several for one that stands for them together."""
    return frozenset(id for owner in owners if not is_nobody(owner) for id in owner.split(OR))


def own(change: git.Change, touches: Sequence[Touch], blob: Callable[[str], bytes], kept: Read) -> Owned:
    """Owners of one change. `blob` reads git's objects, `kept` the contents of the ledgers."""
    head = None if change.added else (change.old_mode, change.old_oid)
    tree = None if change.deleted else (change.new_mode, change.new_oid)
    window = any(x.edit.kind == "window" for x in touches if not x.done)
    if not any(not x.done for x in touches):
        return Owned(head, tree, (frozenset({NOBODY}),))
    if (head and head[0] not in PLAIN) or (tree and tree[0] not in PLAIN):
        made = chain.history(touches, None, None)
        return Owned(head, tree, whole(made.sessions), window=window)
    touches = [x for x in touches if not x.done or all(n is None or kept(n) is not None for n in names_of(x))]
    old, new = (blob(entry[1]) if entry else None for entry in (head, tree))
    touches, kept = as_git_stores(touches, kept, old, new)
    known = {digest(data): data for data in (old, new) if data is not None}
    made = chain.history(touches, *(None if data is None else digest(data) for data in (old, new)))
    if tree is None:
        last = made.steps[-1].owner if made.steps else NOBODY
        return Owned(head, tree, whole(made.vague or {last}), window=window)
    if old == new:
        return Owned(head, tree, whole(who_changed_mode(touches, tree[0])), window=window)
    if head and head[0] != tree[0]:
        return Owned(head, tree, whole(made.sessions), window=window)
    alone = len({step.owner for step in made.steps}) == 1
    if alone or made.vague or is_one_piece(change.path, old, new):
        return Owned(head, tree, whole(made.sessions), window=window)
    split = weave(made, old or b"", lambda name: known.get(name) or kept(name))
    if split is None or split.version(split.owners) != new or split.version(()) != (old or b""):
        return Owned(head, tree, whole(made.sessions), window=window, unread=split is None)
    return Owned(head, tree, split.together, split, window)


def as_one(change: git.Change, touches: Sequence[Touch]) -> Owned:
    """The same without looking at any content: the path goes as a whole."""
    head = None if change.added else (change.old_mode, change.old_oid)
    tree = None if change.deleted else (change.new_mode, change.new_oid)
    window = any(x.edit.kind == "window" for x in touches if not x.done)
    return Owned(head, tree, whole({x.session for x in touches if not x.done}), window=window)


def names_of(touch: Touch) -> tuple[str | None, str | None]:
    """The contents that a record names."""
    return touch.edit.before, touch.edit.after


def whole(sessions: Collection[str]) -> tuple[frozenset[str], ...]:
    """One set: the path goes as it is, with all that changed it."""
    return (frozenset(sessions) or frozenset({NOBODY}),)


def is_one_piece(path: bytes, old: bytes | None, new: bytes | None) -> bool:
    """Whether there are no lines that could be somebody's: a binary file, ciphertext, one that is empty,
    one that is generated."""
    texts = (old or b"", new or b"")
    if any(b"\0" in text for text in texts) or texts == (b"", b"") or path.decode("latin-1") in GENERATED:
        return True
    return cipher.is_cipher(*texts)


def as_git_stores(
    touches: Sequence[Touch], kept: Read, old: bytes | None, new: bytes | None
) -> tuple[Sequence[Touch], Read]:
    """The ledgers hold what is on the disk. Where git stores line feeds for the disk's CRLF, so do we."""
    last = touches[-1].edit.after
    data = kept(last) if last else None
    if data is None or b"\r\n" not in data or b"\r\n" in (old or b"") + (new or b""):
        return touches, kept
    names: dict[str, bytes] = {}

    def renamed(name: str | None) -> str | None:
        content = kept(name) if name else None
        if content is None:
            return name
        content = content.replace(b"\r\n", b"\n")
        names[digest(content)] = content
        return digest(content)

    edits = [x.edit._replace(before=renamed(x.edit.before), after=renamed(x.edit.after)) for x in touches]
    return [x._replace(edit=edit) for x, edit in zip(touches, edits, strict=True)], names.get


def who_changed_mode(touches: Sequence[Touch], mode: str) -> set[str]:
    """Who says to have made the file executable, or not."""
    return {x.session for x in touches if not x.done and x.edit.mode == mode != x.edit.was}


def weave(made: History, head: bytes, kept: Read) -> Split | None:
    """The lines' owners; None when a content is lost."""
    woven = Weave(head)
    for step, following in zip(made.steps, [*made.steps[1:], None], strict=True):
        if following and following.owner == step.owner != NOBODY:
            continue  # what one does in several steps, it might have done in one
        data = b"" if step.after is None else kept(step.after)
        if data is None:
            return None
        woven.apply(step.owner, data)
    return woven.split(head)
