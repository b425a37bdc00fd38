#!/usr/bin/env python3
"""Trains on one machine, and starts the run again where that can help: ``jaxgan launch`` with the verb 'train'.

python launch/one_node.py [--processes=N] -- --config=NAME --workdir=DIR [more flags of `jaxgan train`]
"""

import sys

from jaxgan.cli.main import main

if __name__ == "__main__":
    words = sys.argv[1:]
    split = words.index("--") + 1 if "--" in words else len(words)
    sys.exit(main(["launch", *words[:split], "train", *words[split:]]))
