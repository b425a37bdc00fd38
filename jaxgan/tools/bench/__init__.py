"""Benchmarks of the training step, the sampler, the input pipeline and scaling."""
