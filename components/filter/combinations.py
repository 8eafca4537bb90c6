"""Combinations of attribute values that training clips show, and which clips show another one."""

from collections.abc import Collection, Iterable, Mapping

Combination = tuple[tuple[str, str], ...]


def combination(attributes: Mapping[str, str], names: Collection[str] | None = None) -> Combination:
    """Return the attributes of a clip as one value, those of `names` alone if given."""
    return tuple(sorted((name, value) for name, value in attributes.items() if names is None or name in names))


class TrainedCombinations:
    """Every combination of the attributes `names`, all if None, that some training clip has."""

    def __init__(self, trained: Iterable[Mapping[str, str]], names: Collection[str] | None = None):
        self.names = names
        self.known = {combination(attributes, names) for attributes in trained}

    def lack(self, attributes: Mapping[str, str]) -> bool:
        """Return True if a clip has attributes and no training clip has the same ones together."""
        found = combination(attributes, self.names)
        return bool(found) and found not in self.known
