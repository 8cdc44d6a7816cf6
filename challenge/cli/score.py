"""``challenge score``: score a submission against the answers."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from challenge import progress
from challenge.cli import options
from challenge.cli.console import make_table, show, show_json
from challenge.cli.metric_text import INTERVAL_NOTE, METRIC_TITLES, estimate_text
from challenge.evaluation.defaults import RESAMPLES
from challenge.evaluation.variants import CHOICES, Variants

if TYPE_CHECKING:
    from challenge.evaluation.scorecard import Score, Scorecard


def score(
    file: options.SubmissionArgument,
    *,
    answers: options.AnswersOption,
    store: options.StoreOption = None,
    mpd: options.MpdForStoreOption = None,
    challenge: Annotated[
        Path | None,
        options.path_option(
            "challenge", "Challenge set, for the artists of tracks that only its seeds name."
        ),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            metavar="METRIC=VARIANT",
            help=f"Another variant of a metric; may be given for each: {', '.join(CHOICES)}.",
            show_default="the leaderboard's",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the confidence intervals.")] = 0,
    resamples: Annotated[
        int, typer.Option("--resamples", min=10, metavar="N", help="Draws behind the confidence intervals.")
    ] = RESAMPLES,
    per_playlist: Annotated[
        Path | None,
        typer.Option("--per-playlist", metavar="FILE", help="Write each playlist's scores there, as CSV."),
    ] = None,
    json: options.JsonFlag = False,
) -> None:
    """Score a submission: R-precision, NDCG and clicks, by category and over all playlists.

    Reads FILE, the answers and the store of the MPD, which knows the tracks' artists. Writes
    scorecard.json and scores.csv, those of each playlist, beside FILE where FILE is the submission of a
    run's folder. Each score comes with its 95 % bootstrap interval and the signature that names the
    variants of the metrics, the answers and the seed. A submission that is broken or lacks playlists of
    the answers is refused.
    """
    from challenge.evaluation.ground_truth import read_ground_truth
    from challenge.mpd.outputs import require_writable_file
    from challenge.submission.reader import read_submission
    from challenge.workflows.score import save_beside
    from challenge.workflows.score import score as score_file

    variants = reduce(Variants.with_choice, variant or [], Variants())
    if per_playlist is not None:
        require_writable_file(per_playlist, (file, answers, mpd, challenge))
    where = {"store": store, "mpd": mpd, "challenge": challenge}
    truth = read_ground_truth(answers)
    lists = read_submission(file)
    card, scores = score_file(
        file, truth, **where, lists=lists, variants=variants, seed=seed, resamples=resamples
    )
    save_beside(file, truth, card, scores, lists)
    if per_playlist is not None:
        scores.save(per_playlist)
    for note in card.notes:
        progress.message(f"Note: {note}")
    if json:
        show_json(card.to_dict())
    else:
        show_card(card)


def show_card(card: Scorecard) -> None:
    """Print a scorecard as a table with its signature."""
    columns = ["category", "playlists", *(f"{title} ±" for title in METRIC_TITLES.values())]
    rows = [_row(name.replace("_", " "), score) for name, score in card.by_category.items()]
    table = make_table(None, columns, rows)
    table.add_section()
    table.add_row(*(str(cell) for cell in _row("all", card.overall)), style="bold")
    show(table)
    show(INTERVAL_NOTE)
    show(f"signature {card.signature}")


def _row(name: str, score: Score) -> list[str]:
    return [
        name,
        f"{score.n_playlists:,}",
        *(estimate_text(metric, score[metric]) for metric in METRIC_TITLES),
    ]
