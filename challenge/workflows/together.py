"""What several processes do together in one run: train LightGCN, and continue playlists."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from challenge import processes
from challenge.config import RunConfig
from challenge.ranking.fill import FilledLists
from challenge.recommender import Recommender
from challenge.run_folder import RunFolder
from challenge.workflows.inputs import load_inputs


def connect(config: RunConfig) -> None:
    """Connect the processes of this run, where it has several.

    Raises:
        ConfigError: no such device here.
    """
    if processes.count() > 1:
        from challenge.lightgcn.device import choose_device

        processes.join(choose_device(config.device)[0].type)


def assist(
    mpd: Path,
    challenge: Path,
    output: Path,
    config: RunConfig,
    *,
    cache: Path | None = None,
    resume: bool = False,
    fills: bool = True,
) -> None:
    """Do the share of a process that does not lead; writes nothing.

    All arguments are those of the leader; ``fills`` tells whether it continues the playlists too.

    Raises:
        ChallengeError: as in the leader.
    """
    connect(config)
    folder = RunFolder(output)
    processes.meet()  # the leader has prepared the MPD, and the folder's checkpoints are those to go on from
    inputs = load_inputs(mpd, challenge, cache=cache)
    Recommender.assist(inputs.dataset, config, checkpoint_dir=folder.checkpoints, resume=resume)
    if fills:
        processes.meet()  # the leader has saved the recommender
        fill_together(Recommender.load(folder.recommender, device=config.device))


def assist_filling(output: Path, *, device: str | None = None) -> None:
    """Do the share of a process that does not lead where the playlists are all that is to do."""
    recommender = Recommender.load(RunFolder(output).recommender, device=device)
    connect(recommender.config)
    fill_together(recommender)


def fill_together(recommender: Recommender) -> FilledLists:
    """Continue the queries of the recommender's dataset, each process a share; all are the leader's."""
    queries = recommender.queries()
    bounds = np.linspace(0, len(queries), processes.count() + 1).astype(int)
    share = queries.take(range(bounds[processes.rank()], bounds[processes.rank() + 1]))
    return FilledLists.concatenate(processes.gather(recommender.fill(share)))
