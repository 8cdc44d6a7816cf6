"""What the command lines of several benchmarks have in common."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import torch

from challenge.lightgcn.device import choose_device
from challenge.threads import thread_count, use_threads


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help is a module's docstring, with threads and a file for the table."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int)
    parser.add_argument("--markdown", type=Path, help="write the table here too")
    return parser


def prepared(options: argparse.Namespace) -> torch.device:
    """Use the threads and the device of a command line."""
    use_threads(options.threads)
    torch.set_num_threads(thread_count())
    warnings.filterwarnings("ignore", message="Sparse")
    return choose_device(options.device)[0]
