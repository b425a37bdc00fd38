"""How players move; a file is named for its game."""
