"""``challenge train``: train the models of a run."""

from __future__ import annotations

from shlex import quote
from typing import Any

from challenge import processes as group
from challenge.cli import options
from challenge.cli.console import cost_table, show, show_json
from challenge.cli.metric_text import validation_lines
from challenge.cli.settings import SETTINGS, load_config, with_settings


@with_settings(*(name for name in SETTINGS if name not in ("team", "email")))
def train(
    *,
    mpd: options.MpdOption,
    challenge: options.ChallengeOption,
    output: options.OutputOption,
    config: options.ConfigOption = None,
    cache: options.CacheOption = None,
    resume: options.ResumeFlag = False,
    processes: options.ProcessesOption = 1,
    json: options.JsonFlag = False,
    **changes: Any,
) -> None:
    """Train LightGCN and the ranker for a challenge set.

    Reads the MPD (or its store) and the challenge set, whose seeds are part of the graph. Writes
    DIR/recommender/, DIR/checkpoint/ and DIR/manifest.json. Next: challenge fill.
    """
    from msgspec import to_builtins

    from challenge.run_folder import RunFolder
    from challenge.workflows.together import assist
    from challenge.workflows.train import train as train_step

    settings = load_config(config, **changes)
    group.start(processes)
    if group.rank() > 0:
        assist(mpd, challenge, output, settings, cache=cache, resume=resume, fills=False)
        return
    manifest = train_step(mpd, challenge, output, settings, cache=cache, resume=resume)
    if json:
        show_json(
            {
                "output": str(output),
                "device": manifest.device,
                "dataset": to_builtins(manifest.dataset),
                "lightgcn": to_builtins(manifest.lightgcn),
                "ranker": to_builtins(manifest.ranker),
            }
        )
        return
    show(cost_table(f"Trained into {RunFolder(output).recommender}", manifest.profile))
    for line in validation_lines(manifest):
        show(line)
    show(f"Next: challenge fill --output {quote(str(output))}")
