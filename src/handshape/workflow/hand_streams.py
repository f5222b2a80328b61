"""The two streams that see hands alone, trained on rows of a data set and on known hands."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import HandStreamSettings, LandmarkStreamSettings, Settings
from handshape.data.splits import Rows, Split
from handshape.distributed import is_joined
from handshape.files import atomic_write
from handshape.hands.known_hands import (
    KnownHands,
    known_hands_like,
    load_known_features,
    load_known_hands,
    no_known_hands,
)
from handshape.model.streams import HandStream, LandmarkStream
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset

if TYPE_CHECKING:
    from handshape.training.checkpoints import TrainingState
    from handshape.training.distillation import Teacher
    from handshape.training.hand import SeenHands
    from handshape.training.landmarks import Hands
    from handshape.training.preparation import StreamTraining


class HandLearner:
    """What both streams learn from: the hands of a data set, and known ones where these look alike.

    Args:
        dataset: whose hands.
        split: its rows.
        settings: of the run.
        context: console, machine and run.
    """

    def __init__(self, dataset: Dataset, split: Split, settings: Settings, context: Context) -> None:
        self.dataset, self.split, self.context = dataset, split, context
        self.settings = settings
        self._asks_for_known = settings.hands.known == "auto" or bool(dataset.also)

    @cached_property
    def known(self) -> KnownHands:
        """Those that look like the hands of the training rows; said aloud."""
        rows = self.found(self.split.train)
        if not self._asks_for_known or not len(rows):
            return no_known_hands()
        kept, place = self.dataset.known, rows.tobytes()
        if place in kept:
            return kept[place]
        known = kept[place] = known_hands_like(
            self.dataset.inputs.landmarks[rows],
            self.dataset.targets[rows],
            self.dataset.class_names,
            self.dataset.also,
        )
        self.context.console.detail(known.summary)
        for own, other in known.twins:
            self.context.console.warn(
                f"Your {own} looks like the {other} that comes with Handshape, so the model may take one for the other."
            )
        return known

    @property
    def known_rows(self) -> NDArray[np.int64]:
        """Those that are learned from: of the user's classes, then of other signs."""
        return np.concatenate([self.known.rows, self.known.learned_others])

    def training(self, settings: LandmarkStreamSettings | HandStreamSettings) -> StreamTraining:
        """How one of the streams is trained."""
        from handshape.training.preparation import StreamTraining

        also = self._traces(settings)
        return StreamTraining(settings, self.settings.data.seed, self.context.runtime, also=also)

    def _traces(self, settings: LandmarkStreamSettings | HandStreamSettings) -> tuple[Any, ...]:
        """What traces some steps into the run folder, where that is asked for."""
        from handshape.training.profiling import StepTrace

        steps, run, console = self.settings.training.profile_steps, self.context.run, self.context.console
        if not steps or run is None:
            return ()
        what = "the hand stream" if isinstance(settings, HandStreamSettings) else "the landmark stream"
        return (StepTrace(steps, what, run.tensorboard, console),)

    def found(self, rows: Rows) -> Rows:
        """Those of these rows that show a hand."""
        return rows[self.dataset.inputs.found[rows]]

    def labelled(self, rows: Rows, with_known: bool) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Targets and weights of these rows, known hands behind them."""
        from handshape.training.weighting import OTHER_SIGN, balanced

        targets, source = self.dataset.targets[rows], self.dataset.signers(rows)
        if with_known:
            others = np.full(len(self.known.learned_others), OTHER_SIGN)
            targets = np.concatenate([targets, self.known.targets, others])
            source = np.concatenate([source, np.full(len(self.known_rows), source.max(initial=0) + 1)])
        return targets, balanced(targets, source)

    def warn_of_no_hands(self, stream: str) -> None:
        """Where there is nothing to learn from."""
        self.context.console.warn(
            f"No hand was found in any training image, so the {stream} stream has nothing to learn from."
        )


class LandmarkStreamTrainer:
    """Trains the landmark stream."""

    name = "landmarks"
    history: dict[str, Any] = {}  # noqa: RUF012  # nothing to show, and nobody writes into it

    def __init__(self, stream: LandmarkStream, learner: HandLearner) -> None:
        self._stream, self.learner = stream, learner
        self.teacher: Teacher | None = None

    def train(self) -> None:
        """See :class:`~handshape.workflow.streams.StreamTrainer`."""
        with self.learner.context.watch.stage("landmarks"):
            self._train(self.learner.split.train, self.learner.split.validation)

    def refit(self, rows: Rows) -> None:
        """See :class:`~handshape.workflow.streams.StreamTrainer`."""
        self._train(rows)

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """See :class:`~handshape.workflow.streams.StreamTrainer`."""
        return self._said(self.learner.dataset.inputs.landmarks[rows])

    def known_probabilities(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the stream says about known hands, [n, C]."""
        return self._said(load_known_hands()[0][rows])

    def _said(self, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._stream.model.predict(landmarks, batch_size=256, verbose=0))

    def _train(self, rows: Rows, validation: Rows | None = None) -> None:
        from handshape.training.distillation import taught
        from handshape.training.landmarks import train_landmarks

        learner = self.learner
        rows, context = learner.found(rows), learner.context
        if not len(rows):
            learner.warn_of_no_hands("landmark")
            return
        context.console.status(
            "train", f"Training the landmark stream, which sees 21 points of a hand, on {len(rows):,} hands"
        )
        hands = self._hands(rows, with_known=True)
        others = None if validation is None else self._hands(learner.found(validation), with_known=False)
        hands, training = taught(self.teacher, hands, rows, learner.training(learner.settings.landmark_stream))
        train_landmarks(self._stream, hands, training, context.console, others)

    def _hands(self, rows: Rows, with_known: bool) -> Hands:
        from handshape.training.landmarks import Hands

        landmarks = self.learner.dataset.inputs.landmarks[rows]
        if with_known:
            landmarks = np.concatenate([landmarks, load_known_hands()[0][self.learner.known_rows]])
        return Hands(landmarks, *self.learner.labelled(rows, with_known))


class HandStreamTrainer:
    """Trains the hand stream, on what the landmark network saw.

    Where known hands look like the user's, only the head learns, from both: the trunk has seen more people. Else the
    trunk learns, too: it has not seen such signs.
    """

    name = "hand"

    def __init__(self, stream: HandStream, learner: HandLearner) -> None:
        self._stream, self.learner = stream, learner
        self.teacher: Teacher | None = None
        self._state: TrainingState | None = None

    @property
    def history(self) -> dict[str, Any]:
        """See :class:`~handshape.workflow.streams.StreamTrainer`."""
        if self._state is None or not self._state.history:
            return {}
        return {"best_epoch": self._state.best_epoch, "epochs": {}, "history": self._state.history}

    def train(self) -> None:
        """See :class:`~handshape.workflow.streams.StreamTrainer`."""
        from handshape.training.checkpoints import TrainingState

        self._state = TrainingState()
        run = self.learner.context.run
        with self.learner.context.watch.stage("hand"):
            looked_at = run or is_joined()  # else nobody looks at curves
            self._train(self.learner.split.train, self._state if looked_at else None)
        if run:
            with atomic_write(run.best_model) as partial:
                self._stream.model.save(partial)

    def refit(self, rows: Rows) -> None:
        """See :class:`~handshape.workflow.streams.StreamTrainer`."""
        self._train(rows)

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """See :class:`~handshape.workflow.streams.StreamTrainer`."""
        from handshape.training.hand import hand_probabilities

        return hand_probabilities(self._stream, self.learner.dataset.inputs.hand_features, rows)

    def known_probabilities(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the stream says about known hands, [n, C], as long as its trunk is the one that saw them."""
        return np.asarray(self._stream.head.predict(load_known_features()[rows], batch_size=256, verbose=0))

    def _train(self, rows: Rows, state: TrainingState | None = None) -> None:
        from handshape.training.distillation import taught
        from handshape.training.hand import Followed, train_hand

        learner = self.learner
        rows, context = learner.found(rows), learner.context
        if not len(rows):
            learner.warn_of_no_hands("hand")
            return
        is_known = len(learner.known.rows) > 0
        what = f"Training the hand stream, which sees the whole hand, on {len(rows):,} hands"
        context.console.status("train", f"{what} and the same known ones" if is_known else what)
        followed, run = None, context.run
        if state is not None:
            shown = self._maps(learner.found(learner.split.validation))
            shown = self._pooled(shown, with_known=False) if is_known else shown
            followed = Followed(shown, state, run.tensorboard if run else None)
        hands = self._pooled(self._maps(rows), with_known=True) if is_known else self._maps(rows)
        network = self._stream.head if is_known else self._stream.network
        hands, training = taught(self.teacher, hands, rows, learner.training(learner.settings.hand_stream))
        train_hand(network, hands, training, context.console, followed)

    def _maps(self, rows: Rows) -> SeenHands:
        """Hands of the data set as feature maps."""
        from handshape.training.hand import SeenHands

        features = self.learner.dataset.inputs.hand_features
        return SeenHands(features, rows, *self.learner.labelled(rows, with_known=False))

    def _pooled(self, hands: SeenHands, with_known: bool) -> SeenHands:
        """The same as the trunk sees them, known hands behind them."""
        from handshape.training.hand import SeenHands, pooled_features

        seen = pooled_features(self._stream, hands.features, hands.rows)
        if with_known:
            seen = np.concatenate([seen, load_known_features()[self.learner.known_rows]])
        return SeenHands(seen, np.arange(len(seen)), *self.learner.labelled(hands.rows, with_known))
