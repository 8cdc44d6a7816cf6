"""Exact search for the greatest inner products, on the CPU or a GPU."""
