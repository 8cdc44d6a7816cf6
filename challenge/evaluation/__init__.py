"""Metrics, scorecards and comparisons. Knows no torch and no recommender."""
