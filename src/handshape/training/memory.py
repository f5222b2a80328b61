"""Where a device's memory runs out, the same work is done in smaller parts, and that is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from numpy.typing import NDArray

from handshape.console import Console
from handshape.devices import is_out_of_memory, no_room_for_one
from handshape.distributed import is_joined

Made = TypeVar("Made")


@dataclass
class Calls:
    """Calls of a network on at most so many images; fewer, once memory has run out.

    Attributes:
        most: images a call.
        console: says that they become fewer.
    """

    most: int
    console: Console = field(default_factory=lambda: Console(quiet=True))

    def run(self, call: Callable[[NDArray[Any]], Made], images: NDArray[Any]) -> list[Made]:
        """What the calls made, in order.

        Raises:
            RuntimeUnavailableError: there is no room for one image.
        """
        parts: list[Made] = []
        done = 0
        while done < len(images):
            part = images[done : done + self.most]
            try:
                parts.append(call(part))
                done += len(part)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise no_room_for_one() from error
                self.console.warn(f"The device's memory ran out at {len(part)} images a call; halving them.")
                self.most = -(-len(part) // 2)
        return parts


def train_in_room(train: Callable[[int], None], network: Any, batch: int, console: Console) -> None:
    """Trains a network; where memory runs out, again from its first weights with half the batch.

    Args:
        train: takes the batch size.
        network: that it changes.
        batch: the first size.
        console: says that it becomes smaller.

    Raises:
        RuntimeUnavailableError: there is no room for one hand.
    """
    weights = network.get_weights()
    while True:
        try:
            train(batch)
            return
        except Exception as error:
            if is_joined() or not is_out_of_memory(error):  # the other workers would not halve theirs
                raise
            if batch == 1:
                raise no_room_for_one() from error
            console.warn(f"The device's memory ran out at {batch} hands a step; trying {batch // 2}.")
        batch //= 2
        network.set_weights(weights)
