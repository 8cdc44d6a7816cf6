"""Who may write to a folder: what others may have put there is not trusted."""

from __future__ import annotations

import os
from pathlib import Path

from challenge.errors import InputError


def foreign_hands(folder: Path) -> str | None:
    """Say why others than this user (and root) may write to ``folder``; None where they may not."""
    found, user = folder.stat(), os.geteuid()
    if user not in (0, found.st_uid) and found.st_uid != 0:
        return "it belongs to another user"
    if found.st_mode & 0o002:
        return "everybody may write to it"
    return "its group may write to it" if found.st_mode & 0o020 else None


def private_folder(folder: Path) -> None:
    """Make a folder that this user alone may enter, or refuse one that others may write to.

    Raises:
        InputError: others may write to it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    reason = foreign_hands(folder)
    if reason is not None:
        raise InputError(
            f"{folder}: not a folder to keep data in: {reason}, and could replace what is read from there",
            hint=f"chmod go-w {folder}, or name another folder with --cache or $CHALLENGE_CACHE",
        )
