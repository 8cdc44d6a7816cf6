"""The submission file: its type, its format and its rules. Knows no torch and no recommender."""
