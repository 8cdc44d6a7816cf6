"""LightGCN: the model, its loss, sampling and training; modules that compute import torch."""
