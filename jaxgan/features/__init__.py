"""Networks trained elsewhere that metrics and losses look through, with their weights and resizers."""
