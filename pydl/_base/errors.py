"""The error types pydl adds to Python's own."""


class FormatError(ValueError):
    """A file that pydl cannot load.

    Raised by everything that reads model, weight and checkpoint files, whatever is wrong with the file: damaged or
    hostile bytes, an unknown version, or tensors that do not fit the model. The message names the file, what was
    expected, what was found and what to do. Nothing has been changed in the model when it is raised.
    """
