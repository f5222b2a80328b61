"""Errors a user can act on: what happened, what was expected, how to fix it."""


class HandshapeError(Exception):
    """The input is at fault. The command line prints it without a traceback and exits with 1.

    Args:
        happened: what went wrong, with the path or value at fault.
        expected: what would have been right, where that is not obvious.
        fix: what to do now, as a sentence or a command.
    """

    def __init__(self, happened: str, expected: str = "", fix: str = "") -> None:
        self.happened = happened
        self.expected = expected
        self.fix = fix
        super().__init__(self.text)

    @property
    def text(self) -> str:
        """The whole message, one line a part."""
        lines = [self.happened]
        if self.expected:
            lines.append(f"Expected: {self.expected}")
        if self.fix:
            lines.append(f"Fix: {self.fix}")
        return "\n".join(lines)


def hides_interrupt(error: BaseException) -> bool:
    """Whether Ctrl-C is behind it: a native library that is interrupted while it is loaded says ImportError."""
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, KeyboardInterrupt):
        behind = behind.__cause__ or behind.__context__
    return behind is not None


class DataError(HandshapeError):
    """The photographs cannot be used as they are."""


class ImageError(HandshapeError):
    """One image cannot be read."""


class SettingsError(HandshapeError):
    """A setting is unknown, of the wrong type or out of range."""


class ModelError(HandshapeError):
    """A folder or file is not a model that this program can use."""


class RunError(HandshapeError):
    """A run folder is missing, taken, unfinished or cannot be written."""


class DivergedError(RunError):
    """A training's loss or weights are no numbers any more."""


class DownloadError(HandshapeError):
    """A file that has to come from the network did not arrive whole."""


class RuntimeUnavailableError(HandshapeError):
    """This machine lacks what the work needs: a backend, memory, an extra that is not installed."""
