"""What the challenge of 2018 reached on its hidden answers, to set beside a scorecard.

Source: the final leaderboard of the main track and its scores by category (113 teams).
"""

from __future__ import annotations

from typing import Final

from challenge.types import Category

WINNER: Final = {"r_precision": 0.2241, "ndcg": 0.3946, "clicks": 1.7839}
"""The first place, team vl6."""

BEST_CELLS: Final[dict[str, tuple[float, float, float]]] = {
    Category.TITLE_ONLY: (0.0978, 0.2053, 10.42),
    Category.TITLE_FIRST_1: (0.1510, 0.3087, 3.53),
    Category.TITLE_FIRST_5: (0.2035, 0.3791, 0.875),
    Category.FIRST_5: (0.2153, 0.3939, 0.623),
    Category.TITLE_FIRST_10: (0.2104, 0.3973, 0.424),
    Category.FIRST_10: (0.1994, 0.3788, 0.568),
    Category.TITLE_FIRST_25: (0.2584, 0.4138, 0.144),
    Category.TITLE_RANDOM_25: (0.3718, 0.5616, 0.017),
    Category.TITLE_FIRST_100: (0.2225, 0.3956, 0.319),
    Category.TITLE_RANDOM_100: (0.3739, 0.5846, 0.014),
}
"""R-precision, NDCG and clicks of the best team in each category, each its own."""
