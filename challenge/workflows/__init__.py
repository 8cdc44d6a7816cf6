"""The steps of a run: each loads, calls one part and saves. The only place that wires parts together."""
