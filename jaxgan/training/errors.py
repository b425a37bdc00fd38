"""The one kind of error that is the user's to mend."""


class UserError(ValueError):
    """A mistake in what was given: one line says what that was, what is accepted, and what to do."""
