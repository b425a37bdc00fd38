"""Methods: how the players of a game are updated; a file is named for its game."""
