"""UserError: a mistake of the user's, shown without a traceback."""


class UserError(ValueError):
    """A mistake in what was given: one line says what that was, what is accepted, and what to do."""
