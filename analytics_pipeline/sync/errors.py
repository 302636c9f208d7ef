"""The one error that callers of the sync service must expect."""


class InvalidRequestError(ValueError):
    """An argument that names nothing, or asks for what cannot be; refused before anything is called or written."""
