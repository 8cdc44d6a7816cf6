"""From candidates to lists of 500: features, a learned ranker, and a filling that never runs short."""
