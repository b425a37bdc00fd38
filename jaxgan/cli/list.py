"""``jaxgan list``: print recipes, papers and variants of configs."""

import json
from collections.abc import Sequence
from typing import Any

from jaxgan.cli import arguments as flags
from jaxgan.cli.say import say

_DESCRIPTION = (
    """Prints the recipes, the paper of each, and the variants of their configs, for --config=NAME:VARIANT."""
)

_EXAMPLES = """  jaxgan list --json"""


def config_records() -> list[dict[str, Any]]:
    """A record a config: its name and file; its recipe's paper and arXiv id, None where no recipe has the config's
    name; and its variants, each with its flags and the values of its keys.
    """
    from jaxgan import recipes
    from jaxgan.experiment.config_file import find, names, variants_of
    from jaxgan.experiment.variants import options_of

    known, found = recipes.names(), []
    for name in names():
        path = find(name)
        title, arxiv = recipes.paper(name) if name in known else (None, None)
        options = {variant: options_of(make) for variant, make in variants_of(path).items()}
        variants = [
            {"name": variant, "flags": list(takes.flags), "keys": {key: list(v) for key, v in takes.keys.items()}}
            for variant, takes in options.items()
        ]
        found.append({"config": name, "file": str(path), "paper": title, "arxiv": arxiv, "variants": variants})
    return found


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    made = flags.parser("list", _DESCRIPTION, _EXAMPLES)
    made.add_argument("--json", action="store_true", help="print a list, one object a config, and nothing else")
    parsed = made.parse_args(list(arguments))

    from jaxgan.experiment.variants import Options

    records = config_records()
    if parsed.json:
        print(json.dumps(records, indent=2))
        return 0
    for record in records:
        source = f"{record['paper']}, arXiv:{record['arxiv']}" if record["arxiv"] else record["file"]
        say(f"{record['config']}  {source}")
        for variant in record["variants"]:
            takes = Options(tuple(variant["flags"]), {key: tuple(v) for key, v in variant["keys"].items()})
            say(f"  {record['config']}:{variant['name']}{takes}")
    say("\nThe first variant is meant where none is given; ',smoke' makes any of them tiny.")
    return 0
