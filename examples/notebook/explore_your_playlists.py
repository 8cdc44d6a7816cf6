# %% [markdown]
# # Explore your playlists
#
# A few minutes with a recommender for playlists: make data, fit, ask, look inside, and try to beat it. It
# runs as a script, and cell by cell in Jupyter (with Jupytext), VS Code or PyCharm. What each cell
# printed stands below it, `# >` where every machine prints the same and `# ~` where rounding may bring
# other songs. Nothing is downloaded; what it makes goes into the folder `notebook-data`.

# %%
import os
from collections import Counter
from pathlib import Path

import numpy as np

import challenge
from challenge.sample.options import SampleOptions
from challenge.sample.write import write_sample

os.environ["CHALLENGE_CACHE"] = "notebook-data/cache"
files = write_sample(Path("notebook-data"), SampleOptions(playlists=1000, per_category=10))
dataset = challenge.load_dataset(files.mpd, files.challenge_set)
print(
    f"{len(dataset.playlists):,} playlists, {dataset.n_tracks:,} tracks; {len(dataset.queries)} to continue"
)
# > 1,000 playlists, 38,373 tracks; 100 to continue

# %% [markdown]
# With a part of the Million Playlist Dataset it is the same: `challenge.load_dataset("my-slices")`.
#
# ## What do people call their playlists, and what do they play?

# %%
titles = Counter(dataset.playlists.title(row) for row in range(len(dataset.playlists)))
print(titles.most_common(4))

track_of = dataset.playlists.interactions.track_index
popularity = np.bincount(track_of, minlength=dataset.n_tracks)
for track in np.argsort(-popularity, kind="stable")[:3]:
    artist = dataset.catalog.artist_names[dataset.catalog.track_artist[track]]
    print(f"in {popularity[track]} playlists: {dataset.catalog.track_names[track]} by {artist}")
print(f"in one playlist only: {np.mean(popularity == 1):.0%} of all tracks")
# > [('workout', 9), ('rap', 7), ('Pop', 7), ('party', 7)]
# > in 51 playlists: Loun Fleesk by Li Wal
# > in 51 playlists: She Weskkainwour by Shemdand Lantrendstul
# > in 40 playlists: Pru by Nil Drompas
# > in one playlist only: 76% of all tracks

# %% [markdown]
# The long tail: most tracks are hardly ever played. To recommend what is popular is easy, and helps
# nobody find anything.
#
# ## Fit
#
# The preset `sample` is small enough for any laptop. `ranking="blend"` orders candidates by fixed weights
# of the sources; leave it out to have a ranker learned, which takes longer and scores better.

# %%
from dataclasses import replace

from challenge.config import load
from challenge.presets import PRESETS

config = replace(load(PRESETS["sample"]), ranking="blend")
recommender = challenge.Recommender.fit(dataset, config)
recommender.save("notebook-data/recommender")
print(f"{len(recommender.sources.names)} sources, from {min(recommender.sources.names)} on")
# > 8 sources, from artist_album on

# %% [markdown]
# ## Ask, and ask why

# %%
title = titles.most_common(1)[0][0]
(first,) = recommender.recommend([challenge.Playlist(title=title)], n=3)
for each in first:
    print(f"{each.rank}. {each.track} by {each.artist}")
# ~ 1. Lend by Zoum & the Kaimzols
# ~ 2. Nu Cheenjeend by Nee Brom
# ~ 3. Trontramloum Traigai by Zoum & the Kaimzols

# %% [markdown]
# Take these three for the beginning of a playlist. What comes next, and what speaks for it?

# %%
mine = challenge.Playlist(title=title, tracks=[each.uri for each in first])
((best, *_),) = recommender.recommend([mine], n=5, explain=True)
print(f"{best.track} by {best.artist}")
print("first for", ", ".join(name for name, rank in best.reason.sources.items() if rank == 1))
for _, name, share in best.reason.seeds[:2]:
    print(f"in {share:.0%} of the playlists with {name}")
# ~ Bel by Nee Brom
# ~ first for title_knn, ials_knn, lightgcn
# ~ in 50% of the playlists with Nu Cheenjeend
# ~ in 33% of the playlists with Lend

# %% [markdown]
# ## Saved is saved
#
# A recommender that was loaded answers to the last digit as the one that was saved.

# %%
again = challenge.Recommender.load("notebook-data/recommender")
print(again.recommend([mine], n=50) == recommender.recommend([mine], n=50))
# > True

# %% [markdown]
# ## Inside: a space of songs
#
# LightGCN gives each track a vector. Near vectors are songs that people put together.

# %%
for each in again.similar(first[0].uri, n=3):
    print(f"{each.score:.2f}  {each.track} by {each.artist}")
# ~ 0.97  Sairgrusmail Peerpreeltra by Fainwolpraisk Draix
# ~ 0.97  Fi by Zoum & the Kaimzols
# ~ 0.96  Lawenvor Nismeem by Nee Brom

# %% [markdown]
# So one can walk from one song to another: at each step the popular song that is nearest to the way.

# %%
well_known = np.argsort(-popularity, kind="stable")[:300]
uris = dataset.catalog.tracks.uris(well_known)
space = np.stack([again.embedding(uri) for uri in uris])
space /= np.linalg.norm(space, axis=1, keepdims=True)
start = 0
end = int(np.argmin(space @ space[start]))
print(f"furthest from the first one, with cosine {space[start] @ space[end]:.1f}:")
way = [start]
for part in (0.25, 0.5, 0.75):
    goal = (1 - part) * space[start] + part * space[end]
    near = space @ goal / np.linalg.norm(goal)
    near[[*way, end]] = -1
    way.append(int(np.argmax(near)))
way.append(end)
print(" → ".join(dataset.catalog.track_names[well_known[stop]] for stop in way))
# ~ furthest from the first one, with cosine 0.3:
# ~ Loun Fleesk → Tréskdöréx → "Hail" Drur → Husis - Gos Remix → Zarhertrax Chon

# %% [markdown]
# ## Score it as the challenge does
#
# Of each of the 100 playlists in the challenge set some tracks were kept back. A submission has 500 for
# each of them.

# %%
from challenge.submission.submission import Submission
from challenge.submission.team import TeamInfo
from challenge.submission.writer import write_submission


def score(name: str, tracks: np.ndarray) -> None:
    path = Path(f"notebook-data/{name}.csv.gz")
    team = TeamInfo("My team", "me@example.org")
    write_submission(Submission.for_challenge(team, dataset.queries, tracks, dataset.catalog.tracks), path)
    assert challenge.validate(path, files.challenge_set).valid
    card, _ = challenge.score(path, files.answers, mpd=files.mpd)
    r, ndcg, clicks = (card.overall[metric].mean for metric in ("r_precision", "ndcg", "clicks"))
    print(f"{name:>12}: R-precision {r:.2f}, NDCG {ndcg:.2f}, clicks {clicks:.1f}")


score("recommender", again.fill().track)
# ~  recommender: R-precision 0.22, NDCG 0.38, clicks 0.6

# %% [markdown]
# ## Beat it
#
# Write lists of your own, 500 different tracks for each playlist, none of them given already. This one is
# what everybody does first: what is popular.

# %%
by_popularity = np.argsort(-popularity, kind="stable")
mine_for_all = np.stack(
    [
        by_popularity[~np.isin(by_popularity, dataset.queries.seeds.row(query))][:500]
        for query in range(len(dataset.queries))
    ]
)
score("popular", mine_for_all.astype(np.int32))
# ~      popular: R-precision 0.04, NDCG 0.11, clicks 8.5

# %% [markdown]
# Ideas, from easy to hard: popular among playlists with the same title; by the artists of the seeds; in
# the playlists that share most with the seeds. `docs/bring-your-own-model.md` shows how an idea becomes a
# source beside the others.
