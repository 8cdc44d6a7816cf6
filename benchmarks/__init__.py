"""Scripts that measure, each with a make target; run from the root, as ``python -m benchmarks.scale``."""
