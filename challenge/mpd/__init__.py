"""The official files: slices read into a store, the challenge set, and writing both."""
