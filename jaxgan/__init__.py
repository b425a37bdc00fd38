"""GANs in JAX: pure Flax modules, pure train steps and one trainer.

Nothing is imported here, so that ``import jaxgan.nn`` costs Flax and nothing else.
"""

__version__ = "0.1.0"
