"""Lets ``python -m challenge`` do what the ``challenge`` command does."""

from __future__ import annotations

from challenge.cli.app import main

if __name__ == "__main__":
    main()
