"""What the product promises, and which rows of the reliability catalogue stand for each line."""

from dataclasses import dataclass

__all__ = ["PROMISES", "Promise"]


def rows(*spans: tuple[int, int]) -> frozenset[str]:
    """The row ids of closed spans: (1, 3) is R001, R002, R003."""
    return frozenset(f"R{number:03}" for low, high in spans for number in range(low, high + 1))


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of the promise; `rows` is empty where nothing is claimed yet."""

    text: str
    rows: frozenset[str]


PROMISES = (
    Promise("Nothing silently missing", rows((1, 32), (34, 42), (44, 87))),
    Promise("Nothing twice", rows((1, 5), (88, 102))),
    Promise("Any crash at any step ends as if nothing had happened", rows((33, 33), (88, 102))),
    Promise("Nothing half published, people's decisions kept", rows((94, 110))),
    Promise("Faults stay where they are", rows((103, 110), (119, 123), (155, 173), (225, 233))),
    Promise("The mailbox is untouched", rows((43, 43), (75, 75))),
    Promise("Credentials are tried once and shown never", rows((111, 118), (124, 154), (193, 204))),
    Promise("A forged sender is never attached, every match shows why", rows((174, 184))),
    Promise("Erased stays erased (planned)", rows()),
)
