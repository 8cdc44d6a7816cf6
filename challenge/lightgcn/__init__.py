"""LightGCN: propagation, losses, training and checkpoints. Torch is imported by the modules that compute."""
