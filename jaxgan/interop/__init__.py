"""Weights in and out: PyTorch checkpoints, safetensors, and the published files that metrics are defined by."""
