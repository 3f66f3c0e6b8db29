"""Which decisions a person's verdicts stand for."""

from collections.abc import Iterable, Mapping

from mailcrm.records.addresses import normalise_address
from mailcrm.records.review import Place, Verdict

__all__ = ["plan_verdicts"]


def plan_verdicts(
    verdicts: Iterable[Verdict], addresses: Mapping[Place, str]
) -> dict[Place, Verdict]:
    """Spread verdicts over the places that they are about.

    A verdict says who an address of a message is, so it holds wherever the message names that
    address, as From and Reply-To; the latest one on a place itself goes first.

    Args:
        verdicts: Oldest first.
        addresses: Address of every participant of the messages concerned.

    Returns:
        The verdict that holds, by place.
    """
    of_place: dict[Place, Verdict] = {}
    of_address: dict[tuple[str, str], Verdict] = {}
    for verdict in verdicts:
        place = verdict.place
        of_place[place] = verdict
        address = normalise_address(addresses.get(place, ""))
        if address:
            of_address[place.message_key, address] = verdict
    found: dict[Place, Verdict] = {}
    for place, text in addresses.items():
        near = of_address.get((place.message_key, normalise_address(text)))
        holds = of_place.get(place, near)
        if holds is not None:
            found[place] = holds
    return found
