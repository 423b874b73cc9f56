"""What can go wrong, in a few kinds. The command line prints one as a line and exits with 2."""


class NascopeError(Exception):
    """Base of every error that nascope raises for its user: says what, where and what to do."""


class GenotypeError(NascopeError):
    """A cell or genotype that is malformed, or that an operation cannot take."""


class DisconnectedCellError(GenotypeError):
    """A cell of a tabular benchmark whose output does not depend on its input."""


class DataError(NascopeError):
    """A data set that is missing, damaged or of the wrong kind.

    Args:
        message: what was expected, what was found, and what to do.
        key: the argument of `load_data` that is at fault, such as "train_size".
    """

    def __init__(self, message: str, key: str = "name") -> None:
        super().__init__(message)
        self.key = key


class CheckpointError(NascopeError):
    """A checkpoint that is missing, damaged or made for something else."""


class StudyError(NascopeError):
    """A study, recipe or records folder that is invalid."""


class SettingError(StudyError):
    """A setting with a value that it cannot have.

    Args:
        key: the setting, after its section: "landscape.points".
        problem: what was expected, and what was given.
    """

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(key, problem)
        self.key = key
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.key}: {self.problem}"


class ProbeError(NascopeError):
    """A probe asked of a model or data on which its quantity is not defined."""


class SurrogateError(NascopeError):
    """A surrogate that is missing, damaged or asked outside its space."""


class TheoryError(NascopeError):
    """A linear cell, an objective or a bound asked for what is not defined."""
