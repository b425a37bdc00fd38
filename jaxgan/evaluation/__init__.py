"""Sampling, standing statistics and scores of trained networks."""
